#include "model/generate.h"

#include <limits>

#include "model/image_search.h"
#include "ops/top_k.h"

namespace showtell {

namespace {

// Images searched together: enough rows for efficient products, few enough that their states stay in the cache.
constexpr Index kRowsTogether = 192;

// With so many, each thread searches its own images and waits for nobody; with fewer, threads share every product, so
// that each weight is read once.
constexpr Index kLeastRowsOfThread = 12;

/// Which live hypothesis of which search each row of the state is.
struct RowOwners {
  std::vector<ImageSearch*> searches;  // those that go on
  std::vector<ImageSearch*> search_of_row;
  std::vector<Index> beam_of_row;

  void assign() {
    search_of_row.clear();
    beam_of_row.clear();
    for (auto* search : searches) {
      for (Index beam = 0; beam < search->live_count(); ++beam) {
        search_of_row.push_back(search);
        beam_of_row.push_back(beam);
      }
    }
  }
};

void restrict_logits(const ImageSearch& search, Index beam, Index classes, float* logits) {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  const std::int32_t forced = search.forced_token();
  if (forced >= 0) {
    const float kept = logits[forced];
    for (Index token = 0; token < classes; ++token) logits[token] = kNever;
    logits[forced] = kept;
    return;
  }
  search.for_banned(beam, [&](std::int32_t token) { logits[token] = kNever; });
}

FeatureBatch part_of(const DecoderSpec& spec, FeatureBatch features, Index first, Index count) {
  features.images = count;
  features.pooled += first * spec.feature_size;
  if (features.grid != nullptr) features.grid += first * features.cells * spec.grid_feature_size;
  return features;
}

void search_images(CpuContext& context, const DecoderSpec& spec, Inference& inference, const FeatureBatch& features,
                   const SearchOptions& options, GeneratedCaptions& out) {
  std::vector<ImageSearch> searches(static_cast<std::size_t>(features.images), ImageSearch(options));
  RowOwners owners;
  for (auto& search : searches) owners.searches.push_back(&search);
  owners.assign();
  context.arena.reset();
  DecoderState state = inference.start(context, features);
  std::vector<std::int32_t> tokens(searches.size(), kStartTokenId), sources;
  std::vector<NextTokens> next;
  TopK top;
  top.k = std::min(searches.front().candidates_wanted(), spec.vocab_size);
  for (;;) {
    context.arena.reset();
    const float* x = inference.advance(context, state, tokens.data(), false);
    log_softmax_top_k(
        context, state.rows, x, inference.output().weight, inference.output().bias,
        [&](Index row, float* logits) {
          const auto at = static_cast<std::size_t>(row);
          restrict_logits(*owners.search_of_row[at], owners.beam_of_row[at], spec.vocab_size, logits);
        },
        top);
    tokens.clear();
    sources.clear();
    std::vector<ImageSearch*> going_on;
    Index row = 0;
    for (auto* search : owners.searches) {
      const Index first = row;
      next.clear();
      for (Index beam = 0; beam < search->live_count(); ++beam, ++row) {
        next.push_back({top.counts[static_cast<std::size_t>(row)], top.indices.data() + row * top.k,
                        top.log_probs.data() + row * top.k});
      }
      search->advance(next);
      if (search->is_over()) continue;
      going_on.push_back(search);
      for (Index beam = 0; beam < search->live_count(); ++beam) {
        tokens.push_back(search->token(beam));
        sources.push_back(static_cast<std::int32_t>(first + search->source(beam)));
      }
    }
    if (going_on.empty()) break;
    owners.searches = std::move(going_on);
    owners.assign();
    bool in_place = static_cast<Index>(sources.size()) == state.rows;
    for (std::size_t at = 0; in_place && at < sources.size(); ++at)
      in_place = sources[at] == static_cast<std::int32_t>(at);
    if (!in_place) inference.gather(state, sources.data(), static_cast<Index>(sources.size()));
  }
  for (const auto& search : searches) search.write(out);
}

void search_range(CpuContext& context, const DecoderSpec& spec, Inference& inference, const FeatureBatch& features,
                  const SearchOptions& options, Index first, Index last, GeneratedCaptions& out) {
  const Index together = std::max<Index>(1, kRowsTogether / options.beam_width);
  for (; first < last; first += together) {
    const FeatureBatch part = part_of(spec, features, first, std::min(together, last - first));
    search_images(context, spec, inference, part, options, out);
  }
}

template <typename Value>
void append(std::vector<Value>& to, const std::vector<Value>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

void append(GeneratedCaptions& to, const GeneratedCaptions& from) {
  append(to.caption_counts, from.caption_counts);
  append(to.lengths, from.lengths);
  append(to.token_ids, from.token_ids);
  append(to.log_probs, from.log_probs);
  append(to.scores, from.scores);
  append(to.normalized_scores, from.normalized_scores);
  append(to.ended_by_max_length, from.ended_by_max_length);
}

}  // namespace

GeneratedCaptions generate(CpuContext& context, const DecoderSpec& spec, Inference& inference,
                           const FeatureBatch& features, const SearchOptions& options) {
  check_search_options(options, spec.vocab_size);
  inference.prepare(context);
  const Index images = features.images;
  const int threads = context.pool.size();
  GeneratedCaptions out;
  if (threads == 1 || images * options.beam_width < kLeastRowsOfThread * threads || images < threads) {
    search_range(context, spec, inference, features, options, 0, images, out);
    return out;
  }
  std::vector<GeneratedCaptions> parts(static_cast<std::size_t>(threads));
  context.pool.run(threads, [&](int part) {
    ThreadPool alone(1);
    CpuContext own{alone, context.kernels, {}};
    search_range(own, spec, inference, features, options, images * part / threads, images * (part + 1) / threads,
                 parts[static_cast<std::size_t>(part)]);
  });
  for (const auto& part : parts) append(out, part);
  return out;
}

}  // namespace showtell
