// The beam search against a plain one that sorts all candidates and never stops early.
#include <algorithm>

#include "check.h"
#include "golden.h"

using namespace golden;

namespace {

struct PlainHypothesis {
  std::vector<std::int32_t> tokens;
  double score = 0;
  std::int32_t row = 0;
};

struct PlainCaption {
  std::vector<std::int32_t> tokens;
  double score, normalized;
  bool cut;
};

bool repeats_ngram(std::vector<std::int32_t> tokens, std::int32_t token, Index size) {
  tokens.push_back(token);
  if (size == 0 || static_cast<Index>(tokens.size()) <= size) return false;
  const auto tail = tokens.end() - size;
  return std::search(tokens.begin(), tokens.end() - 1, tail, tokens.end()) != tokens.end() - 1;
}

bool contains(const std::vector<std::int32_t>& list, std::int32_t token) {
  return std::find(list.begin(), list.end(), token) != list.end();
}

bool allowed(const SearchOptions& options, const PlainHypothesis& hypothesis, std::int32_t token) {
  const std::size_t length = hypothesis.tokens.size();
  if (length < options.forced_prefix.size()) return token == options.forced_prefix[length];
  if (token == kPadTokenId || token == kStartTokenId || token == kUnknownTokenId) return false;
  if (contains(options.banned_tokens, token)) return false;
  if (length == 0 && contains(options.forbidden_first_words, token)) return false;
  if (token == kEndTokenId && static_cast<Index>(length) + 1 < options.min_length) return false;
  return !repeats_ngram(hypothesis.tokens, token, options.no_repeat_ngram_size);
}

std::vector<PlainCaption> plain_search(Decoder& decoder, FeatureBatch features, Index image,
                                       const SearchOptions& options) {
  const DecoderSpec& spec = decoder.spec();
  features.pooled += image * spec.feature_size;
  if (features.grid != nullptr) features.grid += image * features.cells * spec.grid_feature_size;
  features.images = 1;
  const auto state = decoder.start(features);
  std::vector<PlainHypothesis> live(1);
  std::vector<PlainCaption> finished;
  const auto by_score = [](const PlainCaption& a, const PlainCaption& b) { return a.normalized > b.normalized; };
  for (Index length = 1; length <= options.max_length && !live.empty(); ++length) {
    std::vector<std::int32_t> tokens, rows;
    for (const auto& hypothesis : live) {
      tokens.push_back(hypothesis.tokens.empty() ? kStartTokenId : hypothesis.tokens.back());
      rows.push_back(hypothesis.row);
    }
    if (length > 1) decoder.gather(*state, rows.data(), static_cast<Index>(rows.size()));
    plain::Floats logits(tokens.size() * static_cast<std::size_t>(spec.vocab_size));
    decoder.step(*state, tokens.data(), logits.data());
    struct Candidate {
      double score;
      std::int32_t token;
      std::size_t beam;
    };
    std::vector<Candidate> candidates;
    for (std::size_t beam = 0; beam < live.size(); ++beam) {
      const float* row = logits.data() + beam * static_cast<std::size_t>(spec.vocab_size);
      double total = 0;
      for (Index token = 0; token < spec.vocab_size; ++token) total += std::exp(static_cast<double>(row[token]));
      for (std::int32_t token = 0; token < spec.vocab_size; ++token) {
        if (!allowed(options, live[beam], token)) continue;
        candidates.push_back({live[beam].score + static_cast<float>(row[token] - std::log(total)), token, beam});
      }
    }
    std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
      if (a.score != b.score) return a.score > b.score;
      return a.token != b.token ? a.token < b.token : a.beam < b.beam;
    });
    const std::size_t looked_at = options.beam_width == 1 ? 1 : static_cast<std::size_t>(2 * options.beam_width);
    candidates.resize(std::min(candidates.size(), looked_at));
    if (candidates.empty()) break;
    std::vector<PlainHypothesis> next;
    for (const auto& candidate : candidates) {
      PlainHypothesis longer = live[candidate.beam];
      longer.tokens.push_back(candidate.token);
      longer.score = candidate.score;
      longer.row = static_cast<std::int32_t>(candidate.beam);
      if (candidate.token == kEndTokenId) {
        finished.push_back({longer.tokens, longer.score, normalize_score(longer.score, length, options), false});
      } else if (static_cast<Index>(next.size()) < options.beam_width) {
        next.push_back(longer);
      }
    }
    live = std::move(next);
  }
  std::stable_sort(finished.begin(), finished.end(), by_score);
  for (const auto& hypothesis : live) {
    const auto length = static_cast<Index>(hypothesis.tokens.size());
    finished.push_back({hypothesis.tokens, hypothesis.score, normalize_score(hypothesis.score, length, options), true});
  }
  finished.resize(std::min(finished.size(), static_cast<std::size_t>(options.n_best)));
  return finished;
}

void check_same(const GeneratedCaptions& actual, const std::vector<std::vector<PlainCaption>>& wanted) {
  std::size_t caption = 0, token = 0;
  for (std::size_t image = 0; image < wanted.size(); ++image) {
    CHECK(actual.caption_counts[image] == static_cast<std::int32_t>(wanted[image].size()));
    if (actual.caption_counts[image] != static_cast<std::int32_t>(wanted[image].size())) return;
    for (const auto& plain : wanted[image]) {
      const auto length = static_cast<std::size_t>(actual.lengths[caption]);
      const auto begin = actual.token_ids.begin() + static_cast<std::ptrdiff_t>(token);
      CHECK(std::vector<std::int32_t>(begin, begin + static_cast<std::ptrdiff_t>(length)) == plain.tokens);
      double sum = 0;
      for (std::size_t at = token; at < token + length; ++at) sum += actual.log_probs[at];
      CHECK_NEAR(sum, actual.scores[caption], 1e-9);
      CHECK_NEAR(actual.scores[caption], plain.score, 1e-5);
      CHECK_NEAR(actual.normalized_scores[caption], plain.normalized, 1e-5);
      CHECK((actual.ended_by_max_length[caption] != 0) == plain.cut);
      token += length;
      ++caption;
    }
  }
}

std::vector<SearchOptions> option_sets() {
  std::vector<SearchOptions> sets;
  for (const Index width : {1, 2, 3, 5, 20}) {
    SearchOptions plain;
    plain.beam_width = width;
    plain.max_length = 9;
    plain.n_best = width;
    sets.push_back(plain);
    SearchOptions average = plain;
    average.formula = LengthPenaltyFormula::average;
    average.length_penalty = 0.7;
    average.n_best = 1;
    average.no_repeat_ngram_size = 2;
    sets.push_back(average);
    SearchOptions gnmt = plain;
    gnmt.formula = LengthPenaltyFormula::gnmt;
    gnmt.length_penalty = -0.5;
    gnmt.min_length = 4;
    gnmt.n_best = (width + 1) / 2;
    gnmt.banned_tokens = {5};
    gnmt.forbidden_first_words = {4, 6};
    sets.push_back(gnmt);
    SearchOptions forced = plain;
    forced.forced_prefix = {7, 3, 8};
    forced.no_repeat_ngram_size = 1;
    forced.max_length = 6;
    sets.push_back(forced);
  }
  return sets;
}

}  // namespace

TEST(captions_equal_those_of_a_plain_search_over_single_steps) {
  for (const char* name : kNames) {
    const Golden golden(path_of(name));
    const auto decoder = golden.decoder();
    for (const auto& options : option_sets()) {
      std::vector<std::vector<PlainCaption>> wanted;
      for (Index image = 0; image < golden.batch.features.images; ++image) {
        wanted.push_back(plain_search(*decoder, golden.batch.features, image, options));
      }
      check_same(decoder->generate(golden.batch.features, options), wanted);
    }
  }
}

TEST(captions_do_not_depend_on_the_batch_or_on_the_threads) {
  DecoderSpec spec = Golden(path_of("attention")).spec;
  spec.hidden_size = 40;
  spec.vocab_size = 300;
  plain::Floats all;
  unsigned seed = 1;
  const auto decoder = make_decoder(spec, [&](const ParameterShape& shape, float* values) {
    const auto drawn = plain::random(shape.size(), seed++);
    std::copy(drawn.begin(), drawn.end(), values);
  });
  const Index images = 400, cells = 3;
  const auto pooled = plain::random(images * spec.feature_size, 90);
  const auto grid = plain::random(images * cells * spec.grid_feature_size, 91);
  SearchOptions options;
  options.beam_width = 3;
  options.n_best = 3;
  options.max_length = 12;
  const auto generate = [&](Index first, Index count) {
    return decoder->generate(
        {pooled.data() + first * spec.feature_size, count, grid.data() + first * cells * spec.grid_feature_size, cells},
        options);
  };
  ThreadPool::shared().resize(1);
  const auto together = generate(0, images);
  ThreadPool::shared().resize(3);
  CHECK(generate(0, images).scores == together.scores);
  std::vector<double> scores;
  for (const Index first : {0, 1, 130, 399}) {
    const Index count = first == 0 ? 1 : first == 1 ? 129 : first == 130 ? 269 : 1;
    const auto part = generate(first, count);
    scores.insert(scores.end(), part.scores.begin(), part.scores.end());
  }
  CHECK(scores == together.scores);
}

TEST(rows_that_share_a_parent_are_what_each_is_alone) {
  using Tokens = std::vector<std::int32_t>;
  for (const char* name : kNames) {
    const Golden golden(path_of(name));
    const auto decoder = golden.decoder();
    const auto classes = static_cast<std::size_t>(golden.spec.vocab_size);
    const auto run = [&](const Tokens& parents, const Tokens& tokens) {
      const auto state = decoder->start(golden.batch.features);
      const auto images = static_cast<std::size_t>(state->rows());
      plain::Floats logits(std::max(images, parents.size()) * classes);
      decoder->step(*state, Tokens(images, kStartTokenId).data(), logits.data());
      decoder->gather(*state, parents.data(), static_cast<Index>(parents.size()));
      for (int step = 0; step < 2; ++step) decoder->step(*state, tokens.data(), logits.data());
      logits.resize(parents.size() * classes);
      return logits;
    };
    const Tokens parents = {1, 0, 1, 1}, tokens = {4, 5, 6, 7};
    const auto together = run(parents, tokens);
    for (std::size_t row = 0; row < parents.size(); ++row) {
      const auto alone = run({parents[row]}, {tokens[row]});
      CHECK(std::memcmp(alone.data(), together.data() + row * classes, classes * sizeof(float)) == 0);
    }
  }
}

TEST(impossible_options_are_errors) {
  const Golden golden(path_of("first-input"));
  const auto decoder = golden.decoder();
  const auto generate = [&](const auto& change) {
    SearchOptions options;
    change(options);
    decoder->generate(golden.batch.features, options);
  };
  CHECK_THROWS(generate([](SearchOptions& options) { options.beam_width = 0; }), ErrorCode::option);
  CHECK_THROWS(generate([](SearchOptions& options) { options.n_best = 2; }), ErrorCode::option);
  CHECK_THROWS(generate([](SearchOptions& options) { options.max_length = 0; }), ErrorCode::option);
  CHECK_THROWS(generate([](SearchOptions& options) { options.forced_prefix = {99}; }), ErrorCode::option);
  CHECK_THROWS(generate([](SearchOptions& options) { options.length_penalty = NAN; }), ErrorCode::option);
}

TEST(logits_that_are_not_finite_are_an_error) {
  const Golden golden(path_of("first-input"));
  const auto decoder = golden.decoder();
  plain::Floats damaged = golden.pooled;
  damaged[0] = NAN;
  CHECK_THROWS(decoder->generate({damaged.data(), golden.batch.features.images, nullptr, 0}, SearchOptions()),
               ErrorCode::option);
}

TEST_MAIN
