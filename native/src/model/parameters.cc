#include "model/parameters.h"

namespace showtell {

ParameterLayout::ParameterLayout(const DecoderSpec& spec) : spec_(spec) {
  const Index hidden = spec.hidden_size;
  add_normalization("image.normalization", spec.feature_size);
  if (spec.image_injection == ImageInjection::first_input) {
    add("image.weight", spec.feature_size, spec.embedding_size);
    add("image.bias", 1, spec.embedding_size);
  } else {
    add("image.hidden.weight", spec.feature_size, spec.layer_count * hidden);
    add("image.hidden.bias", 1, spec.layer_count * hidden);
    add("image.cell.weight", spec.feature_size, spec.layer_count * hidden);
    add("image.cell.bias", 1, spec.layer_count * hidden);
  }
  add("embedding.weight", spec.vocab_size, spec.embedding_size);
  for (Index layer = 0; layer < spec.layer_count; ++layer) {
    const std::string prefix = "lstm." + std::to_string(layer) + ".";
    add_normalization(prefix + "normalization", spec.input_size(layer));
    add(prefix + "inputWeight", spec.input_size(layer), 4 * hidden);
    add(prefix + "recurrentWeight", hidden, 4 * hidden);
    add(prefix + "bias", 1, 4 * hidden);
  }
  if (spec.has_attention) {
    const Index size = spec.attention_size;
    add("attention.value.weight", spec.grid_feature_size, size);
    add("attention.value.bias", 1, size);
    add("attention.key.weight", size, size);
    add("attention.query.weight", hidden, size);
    add("attention.output.weight", hidden + size, hidden);
    add("attention.output.bias", 1, hidden);
  }
  if (!spec.tied_weights)
    add("output.weight", hidden, spec.vocab_size);
  else if (spec.has_output_projection())
    add("output.projection.weight", hidden, spec.embedding_size);
  add("output.bias", 1, spec.vocab_size);
}

void ParameterLayout::add(const std::string& name, Index rows, Index columns, bool trainable) {
  Index& end = trainable ? trainable_size_ : statistics_size_;
  shapes_.push_back({name, rows, columns, trainable, end});
  end += round_up(rows * columns, kAlignedFloats);
}

void ParameterLayout::add_normalization(const std::string& prefix, Index size) {
  if (spec_.normalization == Normalization::none) return;
  add(prefix + ".gamma", 1, size);
  add(prefix + ".beta", 1, size);
  if (spec_.normalization == Normalization::layer) return;
  add(prefix + ".runningMean", 1, size, false);
  add(prefix + ".runningVariance", 1, size, false);
}

ParameterPointers ParameterLayout::pointers(float* trainable, float* statistics) const {
  std::map<std::string, float*> places;
  for (const auto& shape : shapes_) {
    float* base = shape.trainable ? trainable : statistics;
    places[shape.name] = base == nullptr ? nullptr : base + shape.offset;
  }
  const auto find = [&](const std::string& name) -> float* {
    const auto place = places.find(name);
    return place == places.end() ? nullptr : place->second;
  };
  const auto find_normalization = [&](const std::string& prefix) -> NormalizationPointers {
    return {find(prefix + ".gamma"), find(prefix + ".beta"), find(prefix + ".runningMean"),
            find(prefix + ".runningVariance")};
  };
  ParameterPointers result;
  result.image_normalization = find_normalization("image.normalization");
  result.image_weight = find("image.weight");
  result.image_bias = find("image.bias");
  result.image_hidden_weight = find("image.hidden.weight");
  result.image_hidden_bias = find("image.hidden.bias");
  result.image_cell_weight = find("image.cell.weight");
  result.image_cell_bias = find("image.cell.bias");
  result.embedding = find("embedding.weight");
  for (Index layer = 0; layer < spec_.layer_count; ++layer) {
    const std::string prefix = "lstm." + std::to_string(layer) + ".";
    result.layers.push_back({find_normalization(prefix + "normalization"), find(prefix + "inputWeight"),
                             find(prefix + "recurrentWeight"), find(prefix + "bias")});
  }
  result.value_weight = find("attention.value.weight");
  result.value_bias = find("attention.value.bias");
  result.key_weight = find("attention.key.weight");
  result.query_weight = find("attention.query.weight");
  result.attention_weight = find("attention.output.weight");
  result.attention_bias = find("attention.output.bias");
  result.output_projection = find("output.projection.weight");
  result.output_weight = find("output.weight");
  result.output_bias = find("output.bias");
  return result;
}

}  // namespace showtell
