// Random small models on the CUDA device and on the CPU, and how their steps and captions are compared.
#pragma once

#include <algorithm>
#include <memory>

#include "check.h"
#include "cuda/decode/cuda_inference.h"
#include "model/cpu_decoder.h"
#include "plain.h"

namespace decode_problem {

using namespace showtell;
using cuda::CudaInference;
using cuda::DeviceBuffer;
using cuda::KernelChoice;
using cuda::Precision;

constexpr Precision kPrecisions[] = {Precision::exact, Precision::float32, Precision::float16};

#ifdef CUDA_EMULATION
constexpr double kRoom = 1;
#else
/// A device's tensor cores round their sums towards zero, and its exponentials are an ulp or two off.
constexpr double kRoom = 8;
#endif

inline double logit_bound(Precision precision) { return precision == Precision::float16 ? 8e-3 : 5e-6 * kRoom; }
constexpr double kScoreBound = 6e-5 * kRoom;

inline DeviceBuffer<float> to_device(const plain::Floats& values) {
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

inline DecoderSpec pooled_spec() {
  DecoderSpec spec;
  spec.vocab_size = 200;
  spec.feature_size = 40;
  spec.embedding_size = 50;
  spec.hidden_size = 50;
  spec.layer_count = 2;
  return spec;
}

inline DecoderSpec attention_spec() {
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
inline std::vector<DecoderSpec> specs() {
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
inline std::vector<KernelChoice> choices() {
  constexpr int kAll = 1 << 30;
  const KernelChoice own = KernelChoice::of_device();
  std::vector<KernelChoice> all{{kAll, 0, false, own.overlap}, {0, 0, false, own.overlap}};
  if (own.wgmma) all.insert(all.end(), {{0, kAll, true, own.overlap}, {0, 0, true, own.overlap}});
  return all;
}

/// Compares single steps, with rows gathered in between as a search does.
inline double step_difference(Model& model, Precision precision, const KernelChoice& choice) {
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
inline Agreement compare(const GeneratedCaptions& actual, const GeneratedCaptions& wanted) {
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

inline void check_captions(Model& model, CudaInference& inference, const SearchOptions& options,
                    double bound = kScoreBound) {
  const auto wanted = model.cpu->generate(model.features, options);
  const Agreement agreement = compare(inference.generate(model.features, options), wanted);
  CHECK(agreement.same == agreement.captions);
  CHECK_NEAR(agreement.score_difference, 0, bound);
}

inline SearchOptions search(Index width, Index n_best, Index max_length = 8) {
  SearchOptions options;
  options.beam_width = width;
  options.n_best = n_best;
  options.max_length = max_length;
  return options;
}

inline std::vector<SearchOptions> option_sets(Index width) {
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

}  // namespace decode_problem
