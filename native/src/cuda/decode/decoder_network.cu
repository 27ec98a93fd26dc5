#include "cuda/decode/decoder_network.h"

#include "cuda/decode/attention_step.h"
#include "cuda/decode/products.h"

namespace showtell::cuda {

namespace {

constexpr auto kFloatBytes = static_cast<Index>(sizeof(float));

AffineMap affine(const PackedMap& map, Operand input, const int* row_count, Operand out) {
  AffineMap result;
  result.product.inputs[0] = {input, input.stride, nullptr};
  result.product.weight = map.weight.view();
  result.product.row_count = row_count;
  result.bias = map.bias.data();
  result.out = out;
  return result;
}

}  // namespace

Index DeviceImageMemory::bytes() const {
  return pooled.bytes() + projected.bytes() + grid.bytes() + first_gates.size() * kFloatBytes + keys.bytes() +
         values.bytes();
}

void RecurrentState::reserve(const DecoderSpec& spec, Precision precision, Index rows) {
  hidden.resize(static_cast<std::size_t>(spec.layer_count));
  cell.resize(static_cast<std::size_t>(spec.layer_count));
  for (auto& layer : hidden) layer.reserve(precision, rows, spec.hidden_size);
  for (auto& layer : cell) layer.reserve(rows * padded_columns(spec.hidden_size));
}

Index RecurrentState::bytes() const {
  Index bytes = 0;
  for (const auto& layer : hidden) bytes += layer.bytes();
  for (const auto& layer : cell) bytes += layer.size() * kFloatBytes;
  return bytes;
}

void StepScratch::reserve(const DecoderSpec& spec, Precision precision, Index rows) {
  if (spec.normalization != Normalization::none) normalized.reserve(precision, rows, spec.hidden_size);
  if (spec.has_attention) {
    queries.reserve(precision, rows, spec.attention_size);
    attended.reserve(precision, rows, spec.attention_size);
    joined.reserve(precision, rows, spec.hidden_size);
  }
  if (spec.has_output_projection()) projected.reserve(precision, rows, spec.embedding_size);
}

Index StepScratch::bytes() const {
  return normalized.bytes() + queries.bytes() + attended.bytes() + joined.bytes() + projected.bytes();
}

void DecoderNetwork::reserve(const DecoderSpec& spec, Precision precision, Index images, Index cells,
                             DeviceImageMemory& memory) {
  memory.pooled.reserve(precision, images, spec.feature_size);
  if (spec.image_injection == ImageInjection::first_input) {
    memory.projected.reserve(precision, images, spec.embedding_size);
    memory.first_gates.reserve(images * 4 * padded_columns(spec.hidden_size));
  }
  if (spec.has_attention) {
    memory.grid.reserve(precision, images * cells, spec.grid_feature_size);
    memory.keys.reserve(precision, images * cells, spec.attention_size);
    memory.values.reserve(precision, images * cells, spec.attention_size);
  }
}

void DecoderNetwork::map_images(const DecodeStream& stream, const DeviceFeatures& features, Operand pooled,
                                const PackedMap& map, Activation activation, Operand out, float* floats) const {
  AffineMap image = affine(map, pooled, features.image_count, out);
  image.activation = activation;
  image.floats = floats;
  image.float_columns = floats != nullptr ? padded_columns(map.columns) : 0;
  check(launch_affine(stream, features.most_images, map.columns, image));
}

void DecoderNetwork::encode_images(const DecodeStream& stream, const DeviceFeatures& features,
                                   const DeviceImageMemory& memory, const RecurrentState& state) const {
  RowConversion conversion = normalization_of(spec_, parameters_.image_normalization);
  conversion.floats = features.pooled;
  conversion.columns = static_cast<int>(spec_.feature_size);
  conversion.row_count = features.image_count;
  conversion.out = memory.pooled.view();
  check(launch_row_conversion(stream, features.most_images, conversion));
  if (spec_.image_injection == ImageInjection::first_input) {
    map_images(stream, features, memory.pooled.view(), weights_.image, Activation::identity, memory.projected.view(),
               nullptr);
    if (spec_.normalization != Normalization::none) {
      conversion = normalization_of(spec_, parameters_.layers.front().normalization);
      conversion.operand = memory.projected.view();
      conversion.columns = static_cast<int>(spec_.embedding_size);
      conversion.row_count = features.image_count;
      conversion.out = memory.projected.view();
      check(launch_row_conversion(stream, features.most_images, conversion));
    }
    const PackedLayer& layer = weights_.layers.front();
    AffineMap gates;
    gates.product.inputs[0] = {memory.projected.view(), layer.input_columns, nullptr};
    gates.product.weight = layer.weight.view();
    gates.product.row_count = features.image_count;
    gates.bias = layer.bias.data();
    gates.floats = memory.first_gates.data();
    gates.float_columns = 4 * layer.hidden_columns;
    check(launch_affine(stream, features.most_images, gates.float_columns, gates));
  } else {
    for (std::size_t layer = 0; layer < weights_.layers.size(); ++layer) {
      map_images(stream, features, memory.pooled.view(), weights_.image_hidden[layer], Activation::tanh,
                 state.hidden[layer].view(), nullptr);
      map_images(stream, features, memory.pooled.view(), weights_.image_cell[layer], Activation::tanh, Operand(),
                 state.cell[layer].data());
    }
  }
  if (!spec_.has_attention) return;
  const int cells = features.most_images * features.cells;
  conversion = RowConversion();
  conversion.floats = features.grid;
  conversion.columns = static_cast<int>(spec_.grid_feature_size);
  conversion.row_count = features.image_count;
  conversion.rows_per_count = features.cells;
  conversion.out = memory.grid.view();
  check(launch_row_conversion(stream, cells, conversion));
  AffineMap values = affine(weights_.value, memory.grid.view(), features.image_count, memory.values.view());
  values.product.rows_per_count = features.cells;
  values.activation = Activation::relu;
  check(launch_affine(stream, cells, weights_.value.columns, values));
  AffineMap keys = affine(weights_.key, memory.values.view(), features.image_count, memory.keys.view());
  keys.product.rows_per_count = features.cells;
  check(launch_affine(stream, cells, weights_.key.columns, keys));
}

Operand DecoderNetwork::normalize(const DecodeStream& stream, const StepRows& rows, std::size_t layer, Operand below,
                                  const StepScratch& scratch) const {
  RowConversion conversion = normalization_of(spec_, parameters_.layers[layer].normalization);
  conversion.operand = below;
  conversion.columns = static_cast<int>(spec_.hidden_size);
  conversion.row_count = rows.row_count;
  conversion.out = scratch.normalized.view();
  check(launch_row_conversion(stream, rows.most_rows, conversion));
  return conversion.out;
}

Operand DecoderNetwork::run_layer(const DecodeStream& stream, const StepRows& rows, std::size_t at, bool first,
                                  Operand below, const DeviceImageMemory& memory, const RecurrentState& from,
                                  const RecurrentState& to) const {
  const PackedLayer& own = weights_.layers[at];
  const ProductInput recurrent{from.hidden[at].view(), own.hidden_columns, rows.sources};
  LstmLayer layer;
  layer.product.row_count = rows.row_count;
  layer.product.weight = own.weight.view();
  layer.gates = own.bias.data();
  layer.sources = rows.sources;
  layer.cell = first ? nullptr : from.cell[at].data();
  layer.next_cell = to.cell[at].data();
  layer.hidden = to.hidden[at].view();
  layer.hard_sigmoid = spec_.hard_sigmoid;
  if (at > 0) {
    layer.product.inputs[0] = {below, own.input_columns, nullptr};
    if (!first) layer.product.inputs[1] = recurrent;
  } else if (first) {  // gates of the image on a state of zeros
    layer.gates = memory.first_gates.data();
    layer.gate_rows = rows.images;
    layer.gate_stride = 4 * own.hidden_columns;
  } else if (weights_.has_token_gates) {
    layer.product.inputs[0] = recurrent;
    layer.product.weight = own.weight.view(own.input_columns);
    layer.gates = weights_.token_gates.data();
    layer.gate_rows = rows.tokens;
    layer.gate_stride = 4 * own.hidden_columns;
  } else {
    layer.product.inputs[0] = {weights_.words.view(), own.input_columns, rows.tokens};
    layer.product.inputs[1] = recurrent;
  }
  check(launch_lstm(stream, rows.most_rows, layer));
  return layer.hidden;
}

Operand DecoderNetwork::attend(const DecodeStream& stream, const StepRows& rows, Operand below,
                               const DeviceImageMemory& memory, const StepScratch& scratch, float* weights) const {
  check(launch_affine(stream, rows.most_rows, weights_.query.columns,
                      affine(weights_.query, below, rows.row_count, scratch.queries.view())));
  AttentionStep step;
  step.queries = scratch.queries.view();
  step.keys = memory.keys.view();
  step.values = memory.values.view();
  step.cells = rows.cells;
  step.heads = static_cast<int>(spec_.attention_heads);
  step.head_size = static_cast<int>(spec_.attention_size / spec_.attention_heads);
  step.first_row = rows.group_first_row;
  step.rows_of_group = rows.group_rows;
  step.image_of_group = rows.group_image;
  step.attended = scratch.attended.view();
  step.weights = weights;
  check(launch_attention_step(stream, rows.most_groups, step));
  AffineMap join = affine(weights_.attention, below, rows.row_count, scratch.joined.view());
  join.product.inputs[1] = {step.attended, step.attended.stride, nullptr};
  join.activation = Activation::tanh;
  check(launch_affine(stream, rows.most_rows, weights_.attention.columns, join));
  return join.out;
}

Operand DecoderNetwork::advance(const DecodeStream& stream, const StepRows& rows, bool first,
                                const DeviceImageMemory& memory, const RecurrentState& from, const RecurrentState& to,
                                const StepScratch& scratch, float* weights) const {
  first = first && spec_.image_injection == ImageInjection::first_input;
  Operand below;
  for (std::size_t layer = 0; layer < weights_.layers.size(); ++layer) {
    if (layer > 0 && spec_.normalization != Normalization::none) below = normalize(stream, rows, layer, below, scratch);
    below = run_layer(stream, rows, layer, first, below, memory, from, to);
  }
  if (spec_.has_attention) below = attend(stream, rows, below, memory, scratch, weights);
  if (spec_.has_output_projection()) {
    const AffineMap map = affine(weights_.projection, below, rows.row_count, scratch.projected.view());
    check(launch_affine(stream, rows.most_rows, weights_.projection.columns, map));
    below = map.out;
  }
  return below;
}

}  // namespace showtell::cuda
