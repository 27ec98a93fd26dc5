#include <cmath>

#include "cuda/training/cross_entropy.h"
#include "cuda/training/device_pass.h"
#include "cuda/training/embedding.h"

namespace showtell::cuda {

template <typename Real>
void DevicePass<Real>::run() {
  memory_.weights.refresh(lane_.stream);
  if (memory_.spec.has_attention) aside([&] { forward_values(); });
  forward_image();
  forward_embedding();
  const Rows<const Real> x = forward_layers(arrays_.embedded);
  if (memory_.spec.has_attention) {
    join();
    forward_attention(x);
  }
  forward_output(x);
  if (!training_) return;
  backward_embedding(backward_layers(backward_output()));
  backward_image();
  join();
}

template <typename Real>
DropoutMask DevicePass<Real>::mask(DropoutSite site, Index layer, double rate) const {
  DropoutMask mask;
  if (!training_ || rate == 0) return mask;
  mask.inputs = memory_.lists.inputs;
  mask.stream = static_cast<std::uint32_t>(site) * 256 + static_cast<std::uint32_t>(layer);
  mask.threshold = static_cast<std::uint32_t>(std::floor(rate * 4294967296.0));
  mask.scale = static_cast<float>(1 / (1 - rate));
  mask.period = static_cast<std::int32_t>(memory_.shape.captions);
  return mask;
}

template <typename Real>
DropoutMask DevicePass<Real>::token_mask(DropoutSite site, double rate) const {
  DropoutMask result = mask(site, 0, rate);
  result.places = memory_.lists.token_rows;
  return result;
}

template <typename Real>
DropoutMask DevicePass<Real>::input_mask(Index layer) const {
  DropoutMask result = mask(DropoutSite::input, layer, memory_.spec.dropout.input);
  if (memory_.spec.dropout.input_mask_per_sequence) result.place = MaskPlace::sequence;
  return result;
}

template <typename Real>
typename DevicePass<Real>::Normalizer DevicePass<Real>::image_normalizer() const {
  const BatchLists& lists = memory_.lists;
  const NormalizationPointers& parameters = memory_.parameters.image_normalization;
  // One sequence, whose steps are the images.
  const RealRows real{&lists.inputs->images, 1, &lists.inputs->images};
  const bool batch = memory_.spec.normalization == Normalization::batch;
  return {&parameters,
          &memory_.gradients.image_normalization,
          arrays_.image_normalization,
          {memory_.shape.images, memory_.spec.feature_size, pooled().data, pooled().stride, real, parameters.gamma,
           parameters.beta, static_cast<float>(batch ? kBatchNormEpsilon : kLayerNormEpsilon)}};
}

template <typename Real>
typename DevicePass<Real>::Normalizer DevicePass<Real>::layer_normalizer(Index layer, Rows<const Real> x) const {
  const BatchLists& lists = memory_.lists;
  const auto at = static_cast<std::size_t>(layer);
  const NormalizationPointers& parameters = memory_.parameters.layers[at].normalization;
  const RealRows real{lists.lengths, static_cast<std::int32_t>(memory_.shape.captions), &lists.inputs->tokens};
  const bool batch = memory_.spec.normalization == Normalization::batch;
  return {&parameters,
          memory_.gradients.layers.empty() ? nullptr : &memory_.gradients.layers[at].normalization,  // none to evaluate
          arrays_.layers[at].normalization,
          {memory_.shape.rows(), memory_.spec.input_size(layer), x.data, x.stride, real, parameters.gamma,
           parameters.beta, static_cast<float>(batch ? kBatchNormEpsilon : kLayerNormEpsilon)}};
}

template <typename Real>
Rows<const Real> DevicePass<Real>::normalize(const Normalizer& normalizer) {
  const NormalizedMatrix<Real>& matrix = normalizer.matrix;
  const NormalizationArrays<Real>& arrays = normalizer.arrays;
  switch (memory_.spec.normalization) {
    case Normalization::none:
      return {matrix.x, matrix.stride};
    case Normalization::layer:
      layer_normalize(lane_.stream, matrix, arrays.mean, arrays.spread, arrays.y.data);
      break;
    case Normalization::batch: {
      const NormalizationPointers& own = *normalizer.parameters;
      if (training_) batch_statistics(lane_.stream, matrix, lane_.scratch, arrays.mean, arrays.spread);
      batch_normalize(lane_.stream, matrix, training_ ? arrays.mean : own.running_mean,
                      training_ ? arrays.spread : own.running_variance, arrays.y.data);
      break;
    }
  }
  return arrays.y;
}

template <typename Real>
void DevicePass<Real>::update_running_statistics() {
  if (memory_.spec.normalization != Normalization::batch) return;
  const auto move = [&](const NormalizationPointers& own, const NormalizationArrays<Real>& arrays, Index columns) {
    move_running_statistics(lane_.stream, memory_.outcome, columns, kBatchNormMomentum, arrays.mean, arrays.spread,
                            own.running_mean, own.running_variance);
  };
  move(memory_.parameters.image_normalization, arrays_.image_normalization, memory_.spec.feature_size);
  for (std::size_t layer = 0; layer < arrays_.layers.size(); ++layer) {
    move(memory_.parameters.layers[layer].normalization, arrays_.layers[layer].normalization,
         memory_.spec.input_size(static_cast<Index>(layer)));
  }
}

template <typename Real>
Rows<const Real> DevicePass<Real>::pooled() const {
  if constexpr (sizeof(Real) == 2)
    return arrays_.pooled_cast;
  else
    return {memory_.pooled, memory_.spec.feature_size};
}

template <typename Real>
Rows<const Real> DevicePass<Real>::grid() const {
  if constexpr (sizeof(Real) == 2)
    return arrays_.grid_cast;
  else
    return {memory_.grid, memory_.spec.grid_feature_size};
}

template <typename Real>
Rows<const Real> DevicePass<Real>::projection_input() const {
  if (arrays_.caption_features.data != nullptr) return arrays_.caption_features;
  if (memory_.spec.normalization != Normalization::none) return arrays_.image_normalization.y;
  return pooled();
}

template <typename Real>
void DevicePass<Real>::forward_image() {
  const DecoderSpec& spec = memory_.spec;
  const Index features = spec.feature_size;
  if constexpr (sizeof(Real) == 2) {
    cast_rows(lane_.stream, memory_.shape.images, features, memory_.pooled, arrays_.pooled_cast.data,
              arrays_.pooled_cast.stride);
  }
  const Rows<const Real> normalized = normalize(image_normalizer());
  if (!from_state()) {
    multiply(memory_.shape.images, spec.embedding_size, features, normalized,
             memory_.weights.of(memory_.parameters.image_weight, spec.embedding_size), arrays_.projected);
    return;
  }
  if (arrays_.caption_features.data != nullptr) {
    gather_rows(lane_.stream,
                GatherRows<Real, Real>{memory_.shape.captions, features, normalized.data, normalized.stride,
                                       memory_.lists.image_of_caption, mask(DropoutSite::image, 0, spec.dropout.image),
                                       arrays_.caption_features.data, arrays_.caption_features.stride});
  }
  const Index width = spec.layer_count * spec.hidden_size;
  const auto project = [&](const float* weight, const float* bias, Rows<Real> out) {
    multiply(arrays_.projection_rows, width, features, projection_input(), memory_.weights.of(weight, width), out);
    activate(lane_.stream,
             Activate<Real>{
                 arrays_.projection_rows, width, out.data, bias, Activation::tanh, {}, nullptr, out.data, out.stride});
  };
  project(memory_.parameters.image_hidden_weight, memory_.parameters.image_hidden_bias, arrays_.projected_hidden);
  project(memory_.parameters.image_cell_weight, memory_.parameters.image_cell_bias, arrays_.projected_cell);
}

template <typename Real>
void DevicePass<Real>::forward_embedding() {
  const DecoderSpec& spec = memory_.spec;
  Embed<Real> args;
  args.rows = memory_.shape.rows();
  args.captions = memory_.shape.captions;
  args.columns = spec.embedding_size;
  args.words = memory_.lists.words;
  args.table = memory_.parameters.embedding;
  args.image_of_caption = memory_.lists.image_of_caption;
  args.projected = arrays_.projected.data;
  args.projected_stride = arrays_.projected.stride;
  args.projected_bias = memory_.parameters.image_bias;
  args.word_mask = mask(DropoutSite::embedding, 0, spec.dropout.embedding);
  args.image_mask = mask(DropoutSite::image, 0, spec.dropout.image);
  args.out = arrays_.embedded.data;
  args.out_stride = arrays_.embedded.stride;
  clear_padding(arrays_.embedded, args.rows, args.columns);
  embed(lane_.stream, args);
}

template <typename Real>
void DevicePass<Real>::forward_values() {
  const DecoderSpec& spec = memory_.spec;
  const Index all_cells = memory_.shape.images * memory_.shape.cells, size = spec.attention_size;
  if constexpr (sizeof(Real) == 2) {
    cast_rows(lane_.stream, all_cells, spec.grid_feature_size, memory_.grid, arrays_.grid_cast.data,
              arrays_.grid_cast.stride);
  }
  const Rows<Real>& values = arrays_.values;
  multiply(all_cells, size, spec.grid_feature_size, grid(), memory_.weights.of(memory_.parameters.value_weight, size),
           values);
  DropoutMask value_mask = mask(DropoutSite::attention_value, 0, spec.dropout.attention_value);
  value_mask.place = MaskPlace::cell_major;
  value_mask.period = static_cast<std::int32_t>(memory_.shape.cells);
  activate(lane_.stream, Activate<Real>{all_cells, size, values.data, memory_.parameters.value_bias, Activation::relu,
                                        value_mask, nullptr, values.data, values.stride});
  multiply(all_cells, size, size, values, memory_.weights.of(memory_.parameters.key_weight, size), arrays_.keys);
}

template <typename Real>
void DevicePass<Real>::forward_attention(Rows<const Real> top) {
  const DecoderSpec& spec = memory_.spec;
  const BatchShape& shape = memory_.shape;
  const Index size = spec.attention_size, hidden = spec.hidden_size;
  const Rows<Real>& values = arrays_.values;
  const Rows<Real>& joined = arrays_.joined;
  clear(joined, shape.tokens);  // nothing attends in rows of padding
  const auto gather = [&](Rows<Real> out) {
    gather_rows(lane_.stream,
                GatherRows<Real, Real>{
                    shape.tokens, hidden, top.data, top.stride, memory_.lists.token_rows, {}, out.data, out.stride});
  };
  gather(joined);
  if (arrays_.sorted_hidden.data != joined.data) gather(arrays_.sorted_hidden);
  multiply(shape.tokens, size, hidden, arrays_.sorted_hidden, memory_.weights.of(memory_.parameters.query_weight, size),
           arrays_.queries);
  const AttentionBatch<Real> batch{shape.images,
                                   shape.cells,
                                   spec.attention_heads,
                                   size,
                                   shape.tokens,
                                   memory_.lists.token_starts,
                                   arrays_.queries.data,
                                   arrays_.keys.data,
                                   values.data,
                                   values.stride,
                                   arrays_.attention_weights};
  attention_forward(lane_.stream, batch, joined.data + hidden, joined.stride);
  const Index width = hidden + size;
  if (training_ && spec.dropout.attention_output > 0) {
    activate(lane_.stream, Activate<Real>{shape.tokens, width, joined.data, nullptr, Activation::identity,
                                          token_mask(DropoutSite::attention_output, spec.dropout.attention_output),
                                          nullptr, joined.data, joined.stride});
  }
  multiply(shape.tokens, hidden, width, joined, memory_.weights.of(memory_.parameters.attention_weight, hidden),
           arrays_.attended);
  Real* plain = arrays_.output_input.data == arrays_.attended.data ? nullptr : arrays_.attended.data;
  activate(lane_.stream, Activate<Real>{shape.tokens, hidden, arrays_.attended.data, memory_.parameters.attention_bias,
                                        Activation::tanh, token_mask(DropoutSite::output, spec.dropout.output), plain,
                                        arrays_.output_input.data, arrays_.attended.stride});
}

template <typename Real>
void DevicePass<Real>::forward_output(Rows<const Real> top) {
  const DecoderSpec& spec = memory_.spec;
  const BatchLists& lists = memory_.lists;
  const Index tokens = memory_.shape.tokens, hidden = spec.hidden_size, size = spec.output_size();
  const Index classes = spec.vocab_size;
  if (!spec.has_attention) {
    gather_rows(lane_.stream, GatherRows<Real, Real>{tokens, hidden, top.data, top.stride, lists.token_rows,
                                                     token_mask(DropoutSite::output, spec.dropout.output),
                                                     arrays_.output_input.data, arrays_.output_input.stride});
  }
  Rows<Real> x = arrays_.output_input, x_gradient = arrays_.output_gradient;
  if (spec.has_output_projection()) {
    multiply(tokens, size, hidden, x, memory_.weights.of(memory_.parameters.output_projection, size),
             arrays_.output_projected);
    x = arrays_.output_projected;
    x_gradient = arrays_.output_projected_gradient;
  }
  // With tied weights the matrix is the embedding [classes, size], transposed where it is used.
  const bool tied = spec.tied_weights;
  const Rows<const Real> weight = tied ? memory_.weights.of(memory_.parameters.embedding, size)
                                       : memory_.weights.of(memory_.parameters.output_weight, classes);
  const Rows<Real>& logits = arrays_.logits;
  for (Index first = 0; first < tokens; first += arrays_.logit_rows) {
    const Index rows = std::min(arrays_.logit_rows, tokens - first);
    const Rows<Real> x_rows = x.from_row(first);
    if (tied) {
      multiply_transposed(rows, classes, size, x_rows, weight, logits);
    } else {
      multiply(rows, classes, size, x_rows, weight, logits);
    }
    softmax_cross_entropy(lane_.stream,
                          CrossEntropy<Real>{rows, classes, logits.data, logits.stride, memory_.parameters.output_bias,
                                             lists.targets + first, lists.token_weights + first, lists.inputs,
                                             memory_.state, arrays_.losses + first, training_});
    if (!training_) continue;
    const bool add = first > 0;
    if (tied) {
      multiply(rows, size, classes, logits, weight, x_gradient.from_row(first));
      weight_gradient(classes, size, rows, logits, x_rows, memory_.gradients.embedding, add);
    } else {
      multiply_transposed(rows, size, classes, logits, weight, x_gradient.from_row(first));
      weight_gradient(size, classes, rows, x_rows, logits, memory_.gradients.output_weight, add);
    }
    bias_gradient(rows, classes, logits, memory_.gradients.output_bias, add);
  }
}

template class DevicePass<float>;
template class DevicePass<half>;

}  // namespace showtell::cuda
