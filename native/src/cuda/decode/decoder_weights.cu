#include "cuda/decode/decoder_weights.h"

#include "cuda/decode/products.h"
#include "cuda/decode/rows.h"

namespace showtell::cuda {

namespace {

// Beyond it the table of input gates would cost more memory than the product saves time.
constexpr Index kMostTableFloats = Index{1} << 26;

}  // namespace

RowConversion normalization_of(const DecoderSpec& spec, const NormalizationPointers& normalization) {
  RowConversion conversion;
  conversion.kind = spec.normalization == Normalization::batch   ? RowConversion::Kind::batch
                    : spec.normalization == Normalization::layer ? RowConversion::Kind::layer
                                                                 : RowConversion::Kind::copy;
  conversion.gamma = normalization.gamma;
  conversion.beta = normalization.beta;
  conversion.mean = normalization.running_mean;
  conversion.variance = normalization.running_variance;
  return conversion;
}

void DecoderWeights::pack_part(const StoredMatrix& from, int hidden_size, OperandBuffer& to, int column_offset) {
  WeightPacking packing;
  packing.weight = from.data;
  packing.depth_stride = from.depth_stride;
  packing.column_stride = from.column_stride;
  packing.depth = static_cast<int>(from.depth);
  packing.columns = static_cast<int>(from.columns);
  packing.hidden_size = hidden_size;
  packing.out = to.view();
  packing.column_offset = column_offset;
  packing.padded_depth = padded_columns(from.depth);
  packing.out_rows = hidden_size > 0 ? 4 * padded_columns(hidden_size) : padded_rows(from.columns);
  check(launch_weight_packing(precision_, stream_, packing));
}

void DecoderWeights::pack_bias(const float* bias, Index columns, int hidden_size, DeviceBuffer<float>& to) {
  const int size = hidden_size > 0 ? 4 * padded_columns(hidden_size) : padded_rows(columns);
  to.reserve(size);
  check(launch_bias_packing(stream_, {bias, static_cast<int>(columns), hidden_size, to.data(), size}));
}

void DecoderWeights::pack_map(const StoredMatrix& weight, const float* bias, PackedMap& map) {
  map.columns = static_cast<int>(weight.columns);
  map.weight.reserve(precision_, padded_rows(weight.columns), weight.depth);
  pack_part(weight, 0, map.weight, 0);
  if (bias != nullptr) pack_bias(bias, weight.columns, 0, map.bias);
}

void DecoderWeights::pack_layers(const DecoderSpec& spec, const ParameterPointers& parameters) {
  const auto hidden = static_cast<int>(spec.hidden_size);
  layers.resize(static_cast<std::size_t>(spec.layer_count));
  for (Index at = 0; at < spec.layer_count; ++at) {
    PackedLayer& layer = layers[static_cast<std::size_t>(at)];
    const LayerPointers& own = parameters.layers[static_cast<std::size_t>(at)];
    layer.input_columns = padded_columns(spec.input_size(at));
    layer.hidden_columns = padded_columns(hidden);
    layer.weight.reserve(precision_, 4 * layer.hidden_columns, layer.input_columns + layer.hidden_columns);
    pack_part({own.input_weight, spec.input_size(at), 4 * hidden}, hidden, layer.weight, 0);
    pack_part({own.recurrent_weight, hidden, 4 * hidden}, hidden, layer.weight, layer.input_columns);
    pack_bias(own.bias, 4 * hidden, hidden, layer.bias);
  }
}

void DecoderWeights::pack_attention(const DecoderSpec& spec, const ParameterPointers& parameters) {
  const Index size = spec.attention_size, hidden = spec.hidden_size;
  pack_map({parameters.value_weight, spec.grid_feature_size, size}, parameters.value_bias, value);
  pack_map({parameters.key_weight, size, size}, nullptr, key);
  pack_map({parameters.query_weight, hidden, size}, nullptr, query);
  const int first = padded_columns(hidden);
  attention.columns = static_cast<int>(hidden);
  attention.weight.reserve(precision_, padded_rows(hidden), first + padded_columns(size));
  pack_part({parameters.attention_weight, hidden, hidden}, 0, attention.weight, 0);
  pack_part({parameters.attention_weight + hidden * hidden, size, hidden}, 0, attention.weight, first);
  pack_bias(parameters.attention_bias, hidden, 0, attention.bias);
}

void DecoderWeights::pack_words(const DecoderSpec& spec, const ParameterPointers& parameters) {
  const auto vocab_size = static_cast<int>(spec.vocab_size);
  const PackedLayer& layer = layers.front();
  const int gates = 4 * layer.hidden_columns;
  if (vocab_size_.size() == 0) {
    vocab_size_ = DeviceBuffer<int>(1);
    check(cudaMemcpyAsync(vocab_size_.data(), &vocab_size, sizeof vocab_size, cudaMemcpyHostToDevice, stream_));
    check(cudaStreamSynchronize(stream_));  // `vocab_size` goes
  }
  has_token_gates = spec.vocab_size * gates <= kMostTableFloats;
  words.reserve(precision_, spec.vocab_size, spec.embedding_size);
  RowConversion conversion = normalization_of(spec, parameters.layers.front().normalization);
  conversion.floats = parameters.embedding;
  conversion.columns = static_cast<int>(spec.embedding_size);
  conversion.row_count = vocab_size_.data();
  conversion.out = words.view();
  check(launch_row_conversion({stream_, precision_, {}}, vocab_size, conversion));
  if (!has_token_gates) return;
  token_gates.reserve(spec.vocab_size * gates);
  AffineMap map;
  map.product.inputs[0] = {words.view(), layer.input_columns, nullptr};
  map.product.weight = layer.weight.view();
  map.product.row_count = vocab_size_.data();
  map.bias = layer.bias.data();
  map.floats = token_gates.data();
  map.float_columns = gates;
  check(launch_affine({stream_, precision_, {}}, vocab_size, gates, map));
  words = OperandBuffer();
}

void DecoderWeights::pack_image(const DecoderSpec& spec, const ParameterPointers& parameters) {
  const Index size = spec.feature_size, hidden = spec.hidden_size;
  if (spec.image_injection == ImageInjection::first_input) {
    pack_map({parameters.image_weight, size, spec.embedding_size}, parameters.image_bias, image);
    return;
  }
  const auto count = static_cast<std::size_t>(spec.layer_count);
  image_hidden.resize(count);
  image_cell.resize(count);
  for (std::size_t layer = 0; layer < count; ++layer) {
    const Index from = static_cast<Index>(layer) * hidden, width = spec.layer_count * hidden;
    pack_map({parameters.image_hidden_weight + from, size, hidden, width}, parameters.image_hidden_bias + from,
             image_hidden[layer]);
    pack_map({parameters.image_cell_weight + from, size, hidden, width}, parameters.image_cell_bias + from,
             image_cell[layer]);
  }
}

void DecoderWeights::pack(const DecoderSpec& spec, const ParameterPointers& parameters, Precision precision,
                          cudaStream_t stream) {
  precision_ = precision;
  stream_ = stream;
  pack_image(spec, parameters);
  pack_layers(spec, parameters);
  pack_words(spec, parameters);
  if (spec.has_attention) pack_attention(spec, parameters);
  if (spec.has_output_projection()) {
    pack_map({parameters.output_projection, spec.hidden_size, spec.embedding_size}, nullptr, projection);
  }
  if (spec.tied_weights) {
    const Index size = spec.embedding_size;
    pack_map({parameters.embedding, size, spec.vocab_size, 1, size}, parameters.output_bias, output);
  } else {
    pack_map({parameters.output_weight, spec.hidden_size, spec.vocab_size}, parameters.output_bias, output);
  }
}

Index DecoderWeights::bytes() const {
  Index bytes = token_gates.size() * static_cast<Index>(sizeof(float)) + words.bytes();
  const auto add = [&](const OperandBuffer& weight, const DeviceBuffer<float>& bias) {
    bytes += weight.bytes() + bias.size() * static_cast<Index>(sizeof(float));
  };
  for (const auto& layer : layers) add(layer.weight, layer.bias);
  for (const auto* maps : {&image_hidden, &image_cell}) {
    for (const auto& map : *maps) add(map.weight, map.bias);
  }
  for (const auto* map : {&image, &value, &key, &query, &attention, &projection, &output}) add(map->weight, map->bias);
  return bytes;
}

}  // namespace showtell::cuda
