// Decoding on the CUDA device against the CPU's, on random small models. The same file runs on the emulation
// (tests/emulation) and on a device. Bounds are about ten times what was measured.
#include <algorithm>

#include "check.h"
#include "cuda/decode/cuda_inference.h"
#include "model/cpu_decoder.h"
#include "plain.h"

using namespace showtell;
using cuda::CudaInference;
using cuda::DeviceBuffer;
using cuda::KernelChoice;
using cuda::Precision;

namespace {

constexpr Precision kPrecisions[] = {Precision::exact, Precision::float32, Precision::float16};

#ifdef CUDA_EMULATION
constexpr double kRoom = 1;
#else
/// A device's tensor cores round their sums towards zero, and its exponentials are an ulp or two off.
constexpr double kRoom = 8;
#endif

double logit_bound(Precision precision) { return precision == Precision::float16 ? 8e-3 : 5e-6 * kRoom; }
constexpr double kScoreBound = 6e-5 * kRoom;

DeviceBuffer<float> to_device(const plain::Floats& values) {
  DeviceBuffer<float> buffer(static_cast<Index>(values.size()));
  cuda::copy_to_device(buffer, values);
  return buffer;
}

/// A random model on both devices, and random images. With `tied`, that many tokens in a row have the same logit,
/// exactly, and mean the same to the decoder.
struct Model {
  Model(const DecoderSpec& spec_, Index images_, unsigned seed, Index cells = 0, Index tied = 1)
      : spec(spec_),
        layout(spec),
        trainable(static_cast<std::size_t>(layout.trainable_size())),
        statistics(static_cast<std::size_t>(layout.statistics_size())),
        images(images_),
        pooled(plain::random(images * spec.feature_size, seed + 1)),
        grid(plain::random(images * cells * spec.grid_feature_size, seed + 2)) {
    for (const auto& shape : layout.shapes()) fill(shape, ++seed);
    if (tied > 1) tie(tied);
    cpu = std::make_unique<CpuDecoder>(
        spec, [&](const ParameterShape& shape, float* values) { std::copy_n(values_of(shape), shape.size(), values); });
    device_trainable = to_device(trainable);
    device_statistics = to_device(statistics);
    pointers = layout.pointers(device_trainable.data(), device_statistics.data());
    features = {pooled.data(), images, spec.has_attention ? grid.data() : nullptr, cells};
  }

  float* values_of(const ParameterShape& shape) {
    return (shape.trainable ? trainable.data() : statistics.data()) + shape.offset;
  }

  void fill(const ParameterShape& shape, unsigned seed) {
    const auto ends_in = [&](const char* end) {
      const std::string text = end;
      return shape.name.size() >= text.size() && shape.name.substr(shape.name.size() - text.size()) == text;
    };
    float least = -0.3f, most = 0.3f;
    if (ends_in("gamma") || ends_in("runningVariance")) least = 0.5f, most = 1.5f;
    if (ends_in("eight")) {  // logits must lie far enough apart for rounding to leave their order alone
      most = (shape.name == "output.weight" ? 8.0f : 2.5f) / std::sqrt(static_cast<float>(shape.rows));
      if (shape.name == "embedding.weight") most = 1;
      least = -most;
    }
    const auto drawn = plain::random(shape.size(), seed, least, most);
    std::copy(drawn.begin(), drawn.end(), values_of(shape));
    if (shape.name == "output.bias") values_of(shape)[kEndTokenId] += 2;
  }

  void tie(Index tied) {
    for (const auto& shape : layout.shapes()) {
      float* values = values_of(shape);
      const bool by_row = shape.name == "embedding.weight";
      if (!by_row && shape.name != "output.weight" && shape.name != "output.bias") continue;
      for (Index row = 0; row < shape.rows; ++row) {
        for (Index column = 0; column < shape.columns; ++column) {
          const Index first_row = by_row ? row / tied * tied : row;
          const Index first_column = by_row ? column : column / tied * tied;
          values[row * shape.columns + column] = values[first_row * shape.columns + first_column];
        }
      }
    }
  }

  CudaInference inference(Precision precision, const KernelChoice& choice = KernelChoice::of_device()) const {
    return CudaInference(spec, pointers, precision, CudaInference::kMostRowsTogether, choice);
  }

  DecoderSpec spec;
  ParameterLayout layout;
  plain::Floats trainable, statistics;
  Index images;
  plain::Floats pooled, grid;
  std::unique_ptr<Decoder> cpu;
  DeviceBuffer<float> device_trainable, device_statistics;
  ParameterPointers pointers;
  FeatureBatch features;
};

DecoderSpec pooled_spec() {
  DecoderSpec spec;
  spec.vocab_size = 200;
  spec.feature_size = 40;
  spec.embedding_size = 50;
  spec.hidden_size = 50;
  spec.layer_count = 2;
  return spec;
}

DecoderSpec attention_spec() {
  DecoderSpec spec = pooled_spec();
  spec.layer_count = 1;
  spec.image_injection = ImageInjection::initial_state;
  spec.has_attention = true;
  spec.attention_heads = 2;
  spec.attention_size = 36;
  spec.grid_feature_size = 70;
  return spec;
}

/// Every kind of decoder there is.
std::vector<DecoderSpec> specs() {
  std::vector<DecoderSpec> all{pooled_spec(), attention_spec()};
  DecoderSpec spec = pooled_spec();
  spec.normalization = Normalization::batch;
  spec.layer_count = 3;
  spec.hidden_size = 33;
  all.push_back(spec);
  spec = pooled_spec();
  spec.normalization = Normalization::layer;
  spec.image_injection = ImageInjection::initial_state;
  spec.hard_sigmoid = true;
  spec.tied_weights = true;
  all.push_back(spec);
  spec = attention_spec();
  spec.image_injection = ImageInjection::first_input;
  spec.normalization = Normalization::layer;
  spec.tied_weights = true;
  spec.embedding_size = 24;  // with an output projection
  spec.attention_heads = 3;
  all.push_back(spec);
  return all;
}

constexpr Index kCells = 5;

/// Products by each of the tiles that the device can run, whatever the number of rows.
std::vector<KernelChoice> choices() {
  constexpr int kAll = 1 << 30;
  const KernelChoice own = KernelChoice::of_device();
  std::vector<KernelChoice> all{{kAll, 0, false, own.overlap}, {0, 0, false, own.overlap}};
  if (own.wgmma) all.insert(all.end(), {{0, kAll, true, own.overlap}, {0, 0, true, own.overlap}});
  return all;
}

/// Compares single steps, with rows gathered in between as a search does.
double step_difference(Model& model, Precision precision, const KernelChoice& choice) {
  CudaInference inference = model.inference(precision, choice);
  auto state = inference.start(model.features);
  const auto wanted_state = model.cpu->start(model.features);
  double most = 0;
  std::vector<std::int32_t> rows, tokens;
  for (unsigned step = 0; step < 4; ++step) {
    tokens.clear();
    for (Index row = 0; row < state.rows; ++row) {
      tokens.push_back(step == 0 ? kStartTokenId
                                 : static_cast<std::int32_t>((row * 37 + 11 * step) % model.spec.vocab_size));
    }
    plain::Floats logits(static_cast<std::size_t>(state.rows * model.spec.vocab_size)), wanted(logits.size());
    inference.step(state, tokens.data(), logits.data());
    model.cpu->step(*wanted_state, tokens.data(), wanted.data());
    most = plain::worse(most, plain::distance(logits, wanted, logits.size()));
    if (model.spec.has_attention) {
      most = plain::worse(most, plain::distance(state.attention, wanted_state->attention(), state.attention.size()));
    }
    rows.clear();
    for (Index row = 0; row < state.rows; ++row) {
      rows.push_back(static_cast<std::int32_t>((row * 5 + 2) % state.rows));
      if (row % 2 == 0) rows.push_back(static_cast<std::int32_t>(row));
    }
    inference.gather(state, rows.data(), static_cast<Index>(rows.size()));
    model.cpu->gather(*wanted_state, rows.data(), static_cast<Index>(rows.size()));
  }
  return most;
}

struct Agreement {
  Index captions = 0, same = 0;
  double score_difference = 0;
};

/// Captions of equal tokens, and the largest difference of their scores.
Agreement compare(const GeneratedCaptions& actual, const GeneratedCaptions& wanted) {
  Agreement agreement;
  CHECK(actual.caption_counts == wanted.caption_counts);
  if (actual.caption_counts != wanted.caption_counts) return agreement;
  auto actual_token = actual.token_ids.begin(), wanted_token = wanted.token_ids.begin();
  Index log_prob = 0;
  agreement.captions = static_cast<Index>(wanted.lengths.size());
  for (std::size_t at = 0; at < wanted.lengths.size(); ++at) {
    const bool same = actual.lengths[at] == wanted.lengths[at] &&
                      std::equal(actual_token, actual_token + actual.lengths[at], wanted_token);
    actual_token += actual.lengths[at];
    wanted_token += wanted.lengths[at];
    double sum = 0;
    for (Index i = 0; i < actual.lengths[at]; ++i) sum += actual.log_probs[static_cast<std::size_t>(log_prob++)];
    CHECK_NEAR(sum, actual.scores[at], 1e-9);
    if (!same) continue;
    ++agreement.same;
    CHECK(actual.ended_by_max_length[at] == wanted.ended_by_max_length[at]);
    agreement.score_difference =
        std::fmax(agreement.score_difference, std::fabs(actual.scores[at] - wanted.scores[at]));
    agreement.score_difference =
        std::fmax(agreement.score_difference, std::fabs(actual.normalized_scores[at] - wanted.normalized_scores[at]));
  }
  return agreement;
}

void check_captions(Model& model, CudaInference& inference, const SearchOptions& options,
                    double bound = kScoreBound) {
  const auto wanted = model.cpu->generate(model.features, options);
  const Agreement agreement = compare(inference.generate(model.features, options), wanted);
  CHECK(agreement.same == agreement.captions);
  CHECK_NEAR(agreement.score_difference, 0, bound);
}

SearchOptions search(Index width, Index n_best, Index max_length = 8) {
  SearchOptions options;
  options.beam_width = width;
  options.n_best = n_best;
  options.max_length = max_length;
  return options;
}

std::vector<SearchOptions> option_sets(Index width) {
  std::vector<SearchOptions> sets{search(width, width)};
  SearchOptions average = search(width, 1);
  average.formula = LengthPenaltyFormula::average;
  average.length_penalty = 0.7;
  average.no_repeat_ngram_size = 2;
  sets.push_back(average);
  SearchOptions gnmt = search(width, (width + 1) / 2);
  gnmt.formula = LengthPenaltyFormula::gnmt;
  gnmt.length_penalty = -0.5;
  gnmt.min_length = 4;
  gnmt.banned_tokens = {5, 9};
  gnmt.forbidden_first_words = {4, 6, 100};
  sets.push_back(gnmt);
  SearchOptions forced = search(width, width, 6);
  forced.forced_prefix = {7, 3, 8};
  forced.no_repeat_ngram_size = 1;
  sets.push_back(forced);
  return sets;
}

}  // namespace

TEST(single_steps_agree_with_the_cpu_for_every_kind_of_decoder) {
  unsigned seed = 100;
  for (const auto& spec : specs()) {
    Model model(spec, 3, seed += 100, kCells);
    for (const auto precision : kPrecisions) {
      for (const auto& choice : choices()) {
        CHECK_NEAR(step_difference(model, precision, choice), 0, logit_bound(precision));
      }
    }
  }
}

TEST(captions_are_those_of_the_cpu_for_every_kind_of_decoder) {
  unsigned seed = 1000;
  for (const auto& spec : specs()) {
    Model model(spec, 5, seed += 100, kCells);
    CudaInference inference = model.inference(Precision::exact);
    check_captions(model, inference, search(3, 2));
  }
}

TEST(every_search_option_means_what_it_means_on_the_cpu) {
  Model model(pooled_spec(), 4, 2000);
  CudaInference inference = model.inference(Precision::exact);
  for (const Index width : {1, 2, 3, 5, 20}) {
    for (const auto& options : option_sets(width)) check_captions(model, inference, options);
  }
}

TEST(sizes_around_those_of_the_tiles) {
  unsigned seed = 3000;
  for (const Index rows : {1, 15, 16, 17, 63, 64, 65, 127, 128, 129}) {
    Model model(pooled_spec(), rows, seed += 100);
    for (const auto& choice : choices()) {
      CudaInference inference = model.inference(Precision::exact, choice);
      check_captions(model, inference, search(1, 1, 2));
    }
  }
  for (const Index size : {31, 32, 33, 65}) {
    DecoderSpec spec = pooled_spec();
    spec.hidden_size = size;
    spec.embedding_size = 64 - size / 2;
    spec.layer_count = 2;         // depths of one and a half and of two lines of a stage
    spec.vocab_size = 95 + size;  // 126, 127, 128, 160
    Model model(spec, 2, seed += 100);
    for (const auto& choice : choices()) {
      CudaInference inference = model.inference(Precision::exact, choice);
      check_captions(model, inference, search(2, 2, 4));
    }
  }
  for (const Index vocab_size : {5, 129, 1500}) {
    DecoderSpec spec = pooled_spec();
    spec.vocab_size = vocab_size;
    spec.layer_count = 1;
    Model model(spec, 3, seed += 100);
    CudaInference inference = model.inference(Precision::exact);
    check_captions(model, inference, search(3, 3, 5));
  }
}

TEST(the_widest_beam_fills_its_lists) {
  DecoderSpec spec = pooled_spec();
  spec.layer_count = 1;
  Model model(spec, 3, 4000);
  CudaInference inference = model.inference(Precision::exact);
  check_captions(model, inference, search(32, 32, 4));
  CHECK_THROWS(inference.generate(model.features, search(33, 1)), ErrorCode::option);
}

TEST(exact_ties_are_in_the_order_of_the_cpu) {
  DecoderSpec spec = pooled_spec();
  spec.layer_count = 1;
  spec.vocab_size = 120;
  // Groups of twelve equal logits: more than a list of candidates has room for, and better ones behind them.
  Model model(spec, 6, 4500, 0, 12);
  for (const auto precision : kPrecisions) {
    CudaInference inference = model.inference(precision);
    const bool rounds = precision == Precision::float16;
    for (const Index width : {1, 2, 3, 20})
      check_captions(model, inference, search(width, width, 5), rounds ? 0.1 : kScoreBound);
  }
}

TEST(captions_in_float32_are_those_of_the_cpu_and_in_float16_nearly_so) {
  for (const auto& spec : {pooled_spec(), attention_spec()}) {
    Model model(spec, 12, 5000, kCells);
    CudaInference float32 = model.inference(Precision::float32);
    check_captions(model, float32, search(3, 1));
    const auto wanted = model.cpu->generate(model.features, search(3, 1));
    const auto actual = model.inference(Precision::float16).generate(model.features, search(3, 1));
    const Agreement agreement = compare(actual, wanted);
    CHECK(agreement.same >= agreement.captions - 2);
    CHECK_NEAR(agreement.score_difference, 0, 0.1);
  }
}

TEST(captions_do_not_depend_on_the_batch) {
  Model model(attention_spec(), 11, 6000, kCells);
  CudaInference inference = model.inference(Precision::exact);
  const auto together = inference.generate(model.features, search(2, 2));
  CHECK(inference.generate(model.features, search(2, 2)).scores == together.scores);
  CudaInference in_pieces(model.spec, model.pointers, Precision::exact, 8);  // four images at a time, three pieces
  const auto pieces = in_pieces.generate(model.features, search(2, 2));
  CHECK(pieces.token_ids == together.token_ids);
  CHECK(pieces.scores == together.scores);
  // Another tile for the whole batch than for its pieces: the same captions up to rounding.
  KernelChoice choice = KernelChoice::of_device();
  choice.few_rows = 16;
  CudaInference by_two_tiles(model.spec, model.pointers, Precision::exact, 8, choice);
  const Agreement agreement = compare(by_two_tiles.generate(model.features, search(2, 2)), together);
  CHECK(agreement.same == agreement.captions);
  CHECK_NEAR(agreement.score_difference, 0, kScoreBound);
}

TEST(words_without_a_table_of_gates) {
  DecoderSpec spec = pooled_spec();
  spec.layer_count = 1;
  spec.hidden_size = 97;
  spec.embedding_size = 4;
  spec.vocab_size = 132'000;  // times 512 gates: beyond the largest table
  Model model(spec, 1, 7000);
  CudaInference inference = model.inference(Precision::float32);
  auto state = inference.start(model.features);
  const auto wanted_state = model.cpu->start(model.features);
  plain::Floats logits(static_cast<std::size_t>(spec.vocab_size)), wanted(logits.size());
  for (const std::int32_t token : {1, 131'999}) {
    inference.step(state, &token, logits.data());
    model.cpu->step(*wanted_state, &token, wanted.data());
    CHECK_NEAR(plain::distance(logits, wanted, logits.size()), 0, logit_bound(Precision::float32));
  }
}

TEST(searches_longer_than_a_graph) {
  DecoderSpec spec = pooled_spec();
  spec.layer_count = 1;
  spec.hidden_size = 16;
  spec.embedding_size = 16;
  spec.vocab_size = 40;
  Model model(spec, 2, 8000);
  CudaInference inference = model.inference(Precision::float32);
  SearchOptions options = search(2, 1, 140);
  options.min_length = 135;
  check_captions(model, inference, options, 1e-3);
}

TEST(a_search_that_is_not_recorded_gives_the_same_captions) {
  Model model(attention_spec(), 3, 8500, kCells);
  KernelChoice choice = KernelChoice::of_device();
  CudaInference recorded = model.inference(Precision::exact, choice);
  choice.record = false;
  CudaInference queued = model.inference(Precision::exact, choice);
  for (int turn = 0; turn < 2; ++turn) {
    const auto wanted = recorded.generate(model.features, search(2, 2, 5));
    const auto actual = queued.generate(model.features, search(2, 2, 5));
    CHECK(actual.token_ids == wanted.token_ids && actual.scores == wanted.scores);
  }
}

TEST(changed_parameters_change_the_captions) {
  Model model(pooled_spec(), 2, 9000);
  CudaInference inference = model.inference(Precision::exact);
  inference.generate(model.features, search(2, 1, 4));
  Model other(pooled_spec(), 2, 9500);
  cuda::copy_to_device(model.device_trainable, other.trainable);
  inference.invalidate();
  const auto wanted = other.cpu->generate(model.features, search(2, 1, 4));
  CHECK(inference.generate(model.features, search(2, 1, 4)).token_ids == wanted.token_ids);
}

TEST(logits_that_are_not_finite_are_an_error) {
  Model model(pooled_spec(), 2, 10'000);
  CudaInference inference = model.inference(Precision::exact);
  model.pooled[3] = NAN;
  CHECK_THROWS(inference.generate(model.features, search(2, 1, 3)), ErrorCode::option);
  model.pooled[3] = 0;
  check_captions(model, inference, search(2, 1, 3));
}

TEST_MAIN
