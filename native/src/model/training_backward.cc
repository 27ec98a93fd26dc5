#include "model/training_pass.h"
#include "ops/attention.h"
#include "ops/gather_rows.h"
#include "ops/linear.h"
#include "ops/normalization.h"

namespace showtell {

void TrainingPass::backward_normalization(const NormalizationTape& tape, const NormalizationPointers& gradients,
                                          float* d) {
  if (tape.parameters == nullptr) return;
  if (spec_.normalization == Normalization::batch) {
    normalize_columns_backward(context_, tape.rows, tape.columns, tape.x, tape.mean, tape.variance, kBatchNormEpsilon,
                               tape.parameters->gamma, d, gradients.gamma, gradients.beta);
  } else {
    normalize_rows_backward(context_, tape.rows, tape.columns, tape.x, tape.mean, tape.inverse, tape.parameters->gamma,
                            d, gradients.gamma, gradients.beta);
  }
}

void TrainingPass::backward_attention(const ParameterPointers& gradients, const float* o_gradient,
                                      float* hidden_gradient) {
  const Index tokens = tokens_.token_count();
  const Index images = batch_.features.images;
  const Index cells = batch_.features.cells;
  const Index hidden = spec_.hidden_size;
  const Index size = spec_.attention_size;
  const Index width = hidden + size;

  float* d = const_cast<float*>(o_gradient);
  context_.kernels.tanh_backward(attended_, d, tokens * hidden);
  linear_backward(context_, tokens, hidden, width, joined_, d, gradients.attention_weight, gradients.attention_bias);
  float* joined_gradient = context_.arena.floats(tokens * width);
  gemm(context_, tokens, width, hidden, {d, hidden}, {parameters_.attention_weight, hidden, Transpose::yes},
       joined_gradient, width);
  if (joined_mask_ != nullptr) multiply(context_, tokens * width, joined_gradient, joined_mask_);

  float* query_gradient = context_.arena.floats(tokens * size);
  float* key_gradient = context_.arena.floats(images * cells * size);
  float* value_gradient = context_.arena.floats(images * cells * size);
  attention_backward(context_,
                     {images, cells, spec_.attention_heads, size, order_.image_offsets.data(), queries_, keys_, values_,
                      attention_weights_},
                     joined_gradient + hidden, width, query_gradient, key_gradient, value_gradient);

  linear_backward(context_, images * cells, size, size, values_, key_gradient, gradients.key_weight, nullptr);
  gemm(context_, images * cells, size, size, {key_gradient, size}, {parameters_.key_weight, size, Transpose::yes},
       value_gradient, size, true);
  if (value_mask_ != nullptr) multiply(context_, images * cells * size, value_gradient, value_mask_);
  // Where dropout made a value 0 the mask has cleared its gradient already.
  context_.kernels.relu_backward(values_, value_gradient, images * cells * size);
  linear_backward(context_, images * cells, size, spec_.grid_feature_size, batch_.features.grid, value_gradient,
                  gradients.value_weight, gradients.value_bias);

  linear_backward(context_, tokens, size, hidden, sorted_hidden_, query_gradient, gradients.query_weight, nullptr);
  float* sorted_gradient = context_.arena.floats(tokens * hidden);
  for (Index token = 0; token < tokens; ++token) {
    std::memcpy(sorted_gradient + token * hidden, joined_gradient + token * width,
                static_cast<std::size_t>(hidden) * sizeof(float));
  }
  gemm(context_, tokens, hidden, size, {query_gradient, size}, {parameters_.query_weight, size, Transpose::yes},
       sorted_gradient, hidden, true);
  for (Index place = 0; place < tokens; ++place) {
    std::memcpy(hidden_gradient + order_.order[static_cast<std::size_t>(place)] * hidden,
                sorted_gradient + place * hidden, static_cast<std::size_t>(hidden) * sizeof(float));
  }
}

float* TrainingPass::backward_layer(Index layer, const ParameterPointers& gradients, float* output_gradient) {
  const auto at = static_cast<std::size_t>(layer);
  const LayerTape& tape = layers_[at];
  const LstmSequence& sequence = tape.sequence;
  const LayerPointers& own = parameters_.layers[at];
  const LayerPointers& to = gradients.layers[at];
  const Index tokens = tokens_.token_count();
  const Index captions = tokens_.captions_count();
  const Index hidden = spec_.hidden_size;
  const Index columns = spec_.input_size(layer);
  const bool from_state = sequence.initial_hidden != nullptr;

  float* initial_hidden_gradient = from_state ? context_.arena.floats(captions * hidden) : nullptr;
  float* initial_cell_gradient = from_state ? context_.arena.floats(captions * hidden) : nullptr;
  recurrent_.pack(context_, 4 * hidden, hidden, {own.recurrent_weight, 4 * hidden, Transpose::yes});
  lstm_backward(context_, sequence, recurrent_, output_gradient, initial_hidden_gradient, initial_cell_gradient);
  if (from_state) {
    const Index width = spec_.layer_count * hidden;
    if (projected_hidden_gradient_ == nullptr) {
      projected_hidden_gradient_ = context_.arena.zeros(projection_rows_ * width);
      projected_cell_gradient_ = context_.arena.zeros(projection_rows_ * width);
    }
    for (Index row = 0; row < captions; ++row) {
      const Index target = projection_of_caption_[static_cast<std::size_t>(row)] * width + layer * hidden;
      context_.kernels.add(projected_hidden_gradient_ + target, initial_hidden_gradient + row * hidden, hidden);
      context_.kernels.add(projected_cell_gradient_ + target, initial_cell_gradient + row * hidden, hidden);
    }
  }

  linear_backward(context_, tokens, 4 * hidden, columns, tape.input, sequence.gates, to.input_weight, to.bias);
  // Without an initial state the hidden state before the first step is zero and adds nothing.
  const Index first = from_state ? 0 : captions;
  gemm(context_, hidden, 4 * hidden, tokens - first, {sequence.hidden_in + first * hidden, hidden, Transpose::yes},
       {sequence.gates + first * 4 * hidden, 4 * hidden}, to.recurrent_weight, 4 * hidden);

  float* d = context_.arena.floats(tokens * columns);
  gemm(context_, tokens, columns, 4 * hidden, {sequence.gates, 4 * hidden},
       {own.input_weight, 4 * hidden, Transpose::yes}, d, columns);
  if (tape.input_mask != nullptr) apply_input_mask(tape, columns, d, d);
  backward_normalization(tape.normalization, to.normalization, d);
  return d;
}

void TrainingPass::backward_embedding(const ParameterPointers& gradients, float* x_gradient) {
  const Index tokens = tokens_.token_count();
  const Index captions = tokens_.captions_count();
  const Index size = spec_.embedding_size;
  const bool image_first = spec_.image_injection == ImageInjection::first_input;
  const Index first_word = image_first ? captions : 0;
  if (embedding_mask_ != nullptr) {
    multiply(context_, (tokens - first_word) * size, x_gradient + first_word * size, embedding_mask_);
  }
  // With tied weights the output has written its share already.
  if (!spec_.tied_weights) {
    std::memset(gradients.embedding, 0, static_cast<std::size_t>(spec_.vocab_size * size) * sizeof(float));
  }
  scatter_add_rows(context_, tokens, size, x_gradient, tokens_.inputs.data(), gradients.embedding);
  if (!image_first) return;
  if (image_mask_ != nullptr) multiply(context_, captions * size, x_gradient, image_mask_);
  projected_gradient_ = context_.arena.zeros(batch_.features.images * size);
  scatter_add_rows(context_, captions, size, x_gradient, tokens_.caption_images.data(), projected_gradient_);
}

void TrainingPass::backward_image(const ParameterPointers& gradients) {
  const Index images = batch_.features.images;
  const Index captions = tokens_.captions_count();
  const Index features = spec_.feature_size;
  const bool normalized = spec_.normalization != Normalization::none;
  if (spec_.image_injection == ImageInjection::first_input) {
    const Index size = spec_.embedding_size;
    linear_backward(context_, images, size, features, pooled_, projected_gradient_, gradients.image_weight,
                    gradients.image_bias);
    if (!normalized) return;
    float* d = context_.arena.floats(images * features);
    gemm(context_, images, features, size, {projected_gradient_, size},
         {parameters_.image_weight, size, Transpose::yes}, d, features);
    backward_normalization(image_normalization_, gradients.image_normalization, d);
    return;
  }
  const Index width = spec_.layer_count * spec_.hidden_size;
  context_.kernels.tanh_backward(projected_hidden_, projected_hidden_gradient_, projection_rows_ * width);
  context_.kernels.tanh_backward(projected_cell_, projected_cell_gradient_, projection_rows_ * width);
  linear_backward(context_, projection_rows_, width, features, projection_input_, projected_hidden_gradient_,
                  gradients.image_hidden_weight, gradients.image_hidden_bias);
  linear_backward(context_, projection_rows_, width, features, projection_input_, projected_cell_gradient_,
                  gradients.image_cell_weight, gradients.image_cell_bias);
  if (!normalized) return;
  float* d = context_.arena.floats(projection_rows_ * features);
  gemm(context_, projection_rows_, features, width, {projected_hidden_gradient_, width},
       {parameters_.image_hidden_weight, width, Transpose::yes}, d, features);
  gemm(context_, projection_rows_, features, width, {projected_cell_gradient_, width},
       {parameters_.image_cell_weight, width, Transpose::yes}, d, features, true);
  if (image_mask_ != nullptr) {
    multiply(context_, captions * features, d, image_mask_);
    float* of_images = context_.arena.zeros(images * features);
    scatter_add_rows(context_, captions, features, d, tokens_.caption_images.data(), of_images);
    d = of_images;
  }
  backward_normalization(image_normalization_, gradients.image_normalization, d);
}

void TrainingPass::update_running_statistics() const {
  if (spec_.normalization != Normalization::batch) return;
  const auto move = [](const NormalizationTape& tape) {
    for (Index column = 0; column < tape.columns; ++column) {
      const auto towards = [](float old, float now) {
        return static_cast<float>(kBatchNormMomentum * old + (1 - kBatchNormMomentum) * now);
      };
      float& mean = tape.parameters->running_mean[column];
      float& variance = tape.parameters->running_variance[column];
      mean = towards(mean, tape.mean[column]);
      variance = towards(variance, tape.variance[column]);
    }
  };
  move(image_normalization_);
  for (const auto& layer : layers_) move(layer.normalization);
}

}  // namespace showtell
