#include "cuda/training/device_pass.h"

namespace showtell::cuda {

template <typename Real>
Segments DevicePass<Real>::captions_of_images() const {
  return {memory_.shape.images, nullptr, memory_.lists.caption_starts, memory_.lists.captions_by_image, nullptr};
}

template <typename Real>
void DevicePass<Real>::backward_normalization(const Normalizer& normalizer, Rows<Real> d) {
  const NormalizationArrays<Real>& arrays = normalizer.arrays;
  const NormalizationPointers& to = *normalizer.gradients;
  if (memory_.spec.normalization == Normalization::batch) {
    batch_normalize_backward(lane_.stream, normalizer.matrix, arrays.mean, arrays.spread, d.data, lane_.scratch,
                             to.gamma, to.beta);
  } else if (memory_.spec.normalization == Normalization::layer) {
    layer_normalize_backward(lane_.stream, normalizer.matrix, arrays.mean, arrays.spread, d.data, lane_.scratch,
                             to.gamma, to.beta);
  }
}

/// From the gradient of what the output matrix multiplies to that of the last layer's output.
template <typename Real>
Rows<Real> DevicePass<Real>::backward_output() {
  const DecoderSpec& spec = memory_.spec;
  const Index tokens = memory_.shape.tokens, hidden = spec.hidden_size, size = spec.output_size();
  const Rows<Real>& d = arrays_.output_gradient;
  if (spec.has_output_projection()) {
    weight_gradient(hidden, size, tokens, arrays_.output_input, arrays_.output_projected_gradient,
                    memory_.gradients.output_projection);
    multiply_transposed(tokens, hidden, size, arrays_.output_projected_gradient,
                        memory_.weights.of(memory_.parameters.output_projection, size), d);
  }
  Rows<Real> to = arrays_.row_gradients[0];
  to.stride = row_stride<Real>(hidden);
  clear(to, memory_.shape.rows());
  ScatterRows<Real> scatter{tokens,
                            hidden,
                            d.data,
                            d.stride,
                            memory_.lists.token_rows,
                            token_mask(DropoutSite::output, spec.dropout.output),
                            to.data,
                            to.stride};
  if (spec.has_attention) {
    backward_attention();
    scatter.x = arrays_.joined_gradient.data;
    scatter.x_stride = arrays_.joined_gradient.stride;
    scatter.mask = {};
  }
  scatter_rows(lane_.stream, scatter);
  return to;
}

/// Leaves the gradient of the hidden states in the first columns of joined_gradient.
template <typename Real>
void DevicePass<Real>::backward_attention() {
  const DecoderSpec& spec = memory_.spec;
  const BatchShape& shape = memory_.shape;
  const ParameterPointers& gradients = memory_.gradients;
  const Index size = spec.attention_size, hidden = spec.hidden_size, width = hidden + size;
  const Rows<Real>& d = arrays_.output_gradient;
  const Rows<Real>& joined_gradient = arrays_.joined_gradient;
  activate_backward(lane_.stream,
                    ActivateBackward<Real>{shape.tokens, hidden, arrays_.attended.data, Activation::tanh,
                                           token_mask(DropoutSite::output, spec.dropout.output), d.data, d.stride});
  weight_gradient(width, hidden, shape.tokens, arrays_.joined, d, gradients.attention_weight);
  bias_gradient(shape.tokens, hidden, d, gradients.attention_bias);
  multiply_transposed(shape.tokens, width, hidden, d, memory_.weights.of(memory_.parameters.attention_weight, hidden),
                      joined_gradient);
  if (spec.dropout.attention_output > 0) {
    activate_backward(lane_.stream,
                      ActivateBackward<Real>{shape.tokens, width, nullptr, Activation::identity,
                                             token_mask(DropoutSite::attention_output, spec.dropout.attention_output),
                                             joined_gradient.data, joined_gradient.stride});
  }

  clear(arrays_.query_gradient, shape.tokens);  // rows of padding stay zero
  const Rows<Real>& values = arrays_.values;
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
  attention_backward(lane_.stream, batch, static_cast<const Real*>(joined_gradient.data + hidden),
                     joined_gradient.stride, arrays_.score_gradient, arrays_.query_gradient.data,
                     arrays_.key_gradient.data, arrays_.value_gradient.data);

  aside([&] { backward_values(); });
  weight_gradient(hidden, size, shape.tokens, arrays_.sorted_hidden, arrays_.query_gradient, gradients.query_weight);
  multiply_transposed(shape.tokens, hidden, size, arrays_.query_gradient,
                      memory_.weights.of(memory_.parameters.query_weight, size), joined_gradient, true);
}

/// From the gradients of keys and values to those of their weights.
template <typename Real>
void DevicePass<Real>::backward_values() {
  const DecoderSpec& spec = memory_.spec;
  const ParameterPointers& gradients = memory_.gradients;
  const Index all_cells = memory_.shape.images * memory_.shape.cells, size = spec.attention_size;
  const Rows<Real>& values = arrays_.values;
  const Rows<const Real> key_weight = memory_.weights.of(memory_.parameters.key_weight, size);
  weight_gradient(size, size, all_cells, values, arrays_.key_gradient, gradients.key_weight);
  multiply_transposed(all_cells, size, size, arrays_.key_gradient, key_weight, arrays_.value_gradient, true);
  DropoutMask value_mask = mask(DropoutSite::attention_value, 0, spec.dropout.attention_value);
  value_mask.place = MaskPlace::cell_major;
  value_mask.period = static_cast<std::int32_t>(memory_.shape.cells);
  activate_backward(lane_.stream, ActivateBackward<Real>{all_cells, size, values.data, Activation::relu, value_mask,
                                                         arrays_.value_gradient.data, arrays_.value_gradient.stride});
  weight_gradient(spec.grid_feature_size, size, all_cells, grid(), arrays_.value_gradient, gradients.value_weight);
  bias_gradient(all_cells, size, arrays_.value_gradient, gradients.value_bias);
}

template <typename Real>
void DevicePass<Real>::backward_embedding(Rows<const Real> x_gradient) {
  const DecoderSpec& spec = memory_.spec;
  const BatchLists& lists = memory_.lists;
  const Index size = spec.embedding_size;
  // With tied weights the output has written its share already.
  if (!spec.tied_weights) {
    clear(memory_.gradients.embedding, spec.vocab_size * size * static_cast<Index>(sizeof(float)));
  }
  SumSegments<Real, float> words;
  words.segments = {lists.distinct_most, &lists.inputs->words, lists.word_starts, lists.rows_by_word,
                    lists.distinct_words};
  words.columns = size;
  words.x = x_gradient.data;
  words.x_stride = x_gradient.stride;
  words.mask = mask(DropoutSite::embedding, 0, spec.dropout.embedding);
  words.out = memory_.gradients.embedding;
  words.out_stride = size;
  words.accumulate = true;
  sum_segments(lane_.stream, words);
  if (from_state()) return;
  SumSegments<Real, Real> images;
  images.segments = captions_of_images();
  images.columns = size;
  images.x = x_gradient.data;
  images.x_stride = x_gradient.stride;
  images.mask = mask(DropoutSite::image, 0, spec.dropout.image);
  images.out = arrays_.projected_gradient.data;
  images.out_stride = arrays_.projected_gradient.stride;
  sum_segments(lane_.stream, images);
}

template <typename Real>
void DevicePass<Real>::backward_image() {
  const DecoderSpec& spec = memory_.spec;
  const ParameterPointers& gradients = memory_.gradients;
  const ParameterPointers& own = memory_.parameters;
  const Index images = memory_.shape.images, features = spec.feature_size, rows = arrays_.projection_rows;
  const bool normalized = spec.normalization != Normalization::none;
  Rows<Real> d = arrays_.feature_gradient;
  if (!from_state()) {
    const Index size = spec.embedding_size;
    const Rows<Real>& projected = arrays_.projected_gradient;
    weight_gradient(features, size, images, projection_input(), projected, gradients.image_weight);
    bias_gradient(images, size, projected, gradients.image_bias);
    if (!normalized) return;
    multiply_transposed(images, features, size, projected, memory_.weights.of(own.image_weight, size), d);
    backward_normalization(image_normalizer(), d);
    return;
  }
  const Index width = spec.layer_count * spec.hidden_size;
  const auto project_back = [&](Rows<const Real> from, const float* weight, float* to_weight, float* to_bias,
                                bool add) {
    weight_gradient(features, width, rows, projection_input(), from, to_weight);
    bias_gradient(rows, width, from, to_bias);
    if (normalized) multiply_transposed(rows, features, width, from, memory_.weights.of(weight, width), d, add);
  };
  project_back(arrays_.projected_hidden_gradient, own.image_hidden_weight, gradients.image_hidden_weight,
               gradients.image_hidden_bias, false);
  project_back(arrays_.projected_cell_gradient, own.image_cell_weight, gradients.image_cell_weight,
               gradients.image_cell_bias, true);
  if (!normalized) return;
  if (arrays_.caption_features.data != nullptr) {
    SumSegments<Real, Real> sum;
    sum.segments = captions_of_images();
    sum.columns = features;
    sum.x = d.data;
    sum.x_stride = d.stride;
    sum.mask = mask(DropoutSite::image, 0, spec.dropout.image);
    sum.out = arrays_.image_feature_gradient.data;
    sum.out_stride = arrays_.image_feature_gradient.stride;
    sum_segments(lane_.stream, sum);
    d = arrays_.image_feature_gradient;
  }
  backward_normalization(image_normalizer(), d);
}

template class DevicePass<float>;
template class DevicePass<half>;

}  // namespace showtell::cuda
