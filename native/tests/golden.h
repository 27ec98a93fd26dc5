// A golden of fixtures/golden/decoder as native values.
#pragma once

#include <cstdlib>
#include <memory>

#include "json.h"
#include "plain.h"
#ifdef SHOWTELL_TEST_CUDA
#include "cuda/make_decoder.h"
#else
#include "model/cpu_decoder.h"
#endif

namespace golden {

using namespace showtell;

/// Of the device under test.
inline std::unique_ptr<Decoder> make_decoder(const DecoderSpec& spec, const ParameterVisitor& fill) {
#ifdef SHOWTELL_TEST_CUDA
  const char* precision = std::getenv("SHOWTELL_TEST_PRECISION");  // exact, else float32: both meet the same bounds
  const bool exact = precision != nullptr && std::string(precision) == "exact";
  return cuda::make_decoder(spec, exact ? cuda::DecoderPrecision::exact : cuda::DecoderPrecision::float32, fill);
#else
  return std::make_unique<CpuDecoder>(spec, fill);
#endif
}

struct Tensor {
  std::vector<Index> shape;
  std::vector<double> data;
  plain::Floats floats() const { return plain::Floats(data.begin(), data.end()); }
  std::vector<std::int32_t> ints() const {
    std::vector<std::int32_t> result;
    for (const double value : data) result.push_back(static_cast<std::int32_t>(value));
    return result;
  }
};

inline Tensor to_tensor(const json::Value& value) {
  Tensor tensor;
  for (const auto& size : value["shape"].array) tensor.shape.push_back(static_cast<Index>(size.number));
  for (const auto& element : value["data"].array) tensor.data.push_back(element.number);
  return tensor;
}

inline std::map<std::string, Tensor> to_tensors(const json::Value& value) {
  std::map<std::string, Tensor> tensors;
  for (const auto& [name, tensor] : value.object) tensors[name] = to_tensor(tensor);
  return tensors;
}

inline DecoderSpec to_spec(const json::Value& value) {
  const auto size = [](const json::Value& from, const char* name) { return static_cast<Index>(from[name].number); };
  DecoderSpec spec;
  spec.vocab_size = size(value, "vocabSize");
  spec.feature_size = size(value, "featureSize");
  spec.embedding_size = size(value, "embeddingSize");
  spec.hidden_size = size(value, "hiddenSize");
  spec.layer_count = size(value, "layerCount");
  spec.image_injection =
      value["imageInjection"].string == "first-input" ? ImageInjection::first_input : ImageInjection::initial_state;
  const std::string normalization = value["normalization"].string;
  spec.normalization = normalization == "batch"   ? Normalization::batch
                       : normalization == "layer" ? Normalization::layer
                                                  : Normalization::none;
  spec.tied_weights = value["tiedWeights"].number != 0;
  spec.hard_sigmoid = value["gateActivation"].string == "hardSigmoid";
  if (value.has("attention")) {
    spec.has_attention = true;
    spec.attention_heads = size(value["attention"], "heads");
    spec.attention_size = size(value["attention"], "size");
    spec.grid_feature_size = size(value["attention"], "gridFeatureSize");
  }
  const json::Value& rates = value["dropout"];
  spec.dropout = {rates["image"].number,          rates["embedding"].number,
                  rates["input"].number,          rates["recurrent"].number,
                  rates["attentionValue"].number, rates["attentionOutput"].number,
                  rates["output"].number,         rates["inputMask"].string == "sequence"};
  return spec;
}

inline AdamOptions to_update(const json::Value& value) {
  AdamOptions options;
  options.learning_rate = value["learningRate"].number;
  options.beta1 = value["beta1"].number;
  options.beta2 = value["beta2"].number;
  options.epsilon = value["epsilon"].number;
  if (value.has("clipNorm")) options.clip_norm = value["clipNorm"].number;
  if (value.has("averageDecay")) options.average_decay = value["averageDecay"].number;
  return options;
}

/// Owns what the TrainingBatch points to.
struct Golden {
  json::Value content;
  DecoderSpec spec;
  AdamOptions update;
  std::map<std::string, Tensor> parameters;
  plain::Floats pooled, grid, weights;
  std::vector<std::int32_t> image_of_row, tokens, lengths;
  TrainingBatch batch;

  explicit Golden(const std::string& path) : content(json::read(path)) {
    spec = to_spec(content["spec"]);
    update = to_update(content["update"]);
    parameters = to_tensors(content["parameters"]);
    const json::Value& from = content["batch"];
    const Tensor features = to_tensor(from["pooled"]);
    pooled = features.floats();
    image_of_row = to_tensor(from["imageOfRow"]).ints();
    const Tensor ids = to_tensor(from["tokenIds"]);
    tokens = ids.ints();
    lengths = to_tensor(from["lengths"]).ints();
    batch.features = {pooled.data(), features.shape[0], nullptr, 0};
    if (from.has("grid")) {
      const Tensor cells = to_tensor(from["grid"]);
      grid = cells.floats();
      batch.features.grid = grid.data();
      batch.features.cells = cells.shape[1];
    }
    if (from.has("tokenWeights")) {
      weights = to_tensor(from["tokenWeights"]).floats();
      batch.token_weights = weights.data();
    }
    batch.image_of_row = image_of_row.data();
    batch.batch_size = ids.shape[0];
    batch.time_steps = ids.shape[1];
    batch.token_ids = tokens.data();
    batch.lengths = lengths.data();
    batch.label_smoothing = from["labelSmoothing"].number;
    batch.dropout_seed = static_cast<std::uint64_t>(from["dropoutSeed"].number);
  }
  Golden(const Golden&) = delete;

  std::unique_ptr<Decoder> decoder() const {
    return make_decoder(spec, [&](const ParameterShape& shape, float* values) {
      const auto& data = parameters.at(shape.name).data;
      for (std::size_t at = 0; at < data.size(); ++at) values[at] = static_cast<float>(data[at]);
    });
  }
};

inline const char* const kNames[] = {"first-input",
                                     "initial-state",
                                     "layer-norm",
                                     "batch-norm",
                                     "batch-norm-initial-state",
                                     "reference-recipe",
                                     "tied",
                                     "tied-projection",
                                     "hard-sigmoid",
                                     "dropout-step",
                                     "attention",
                                     "attention-dropout",
                                     "attention-tied"};

/// In the folder of the build, or where the tests were carried to another machine in that of the variable.
inline std::string path_of(const std::string& name) {
  const char* folder = std::getenv("SHOWTELL_GOLDEN_FOLDER");
  return std::string(folder != nullptr ? folder : SHOWTELL_GOLDENS) + "/" + name + ".json";
}

}  // namespace golden
