#include "model/training_pass.h"
#include "ops/attention.h"
#include "ops/gather_rows.h"
#include "ops/linear.h"
#include "ops/normalization.h"

namespace showtell {

TrainingPass::TrainingPass(CpuContext& context, const DecoderSpec& spec, const ParameterPointers& parameters,
                           const TrainingBatch& batch, bool training, PackedMatrix& packed)
    : context_(context),
      spec_(spec),
      parameters_(parameters),
      batch_(batch),
      training_(training),
      tokens_(pack_tokens(batch, spec.image_injection == ImageInjection::first_input)),
      order_(spec.has_attention ? order_by_image(tokens_, batch.features.images) : ImageOrder{}),
      layers_(static_cast<std::size_t>(spec.layer_count)),
      recurrent_(packed) {}

LossSum TrainingPass::run(const ParameterPointers* gradients) {
  const Index tokens = tokens_.token_count();
  forward_image();
  const float* x = forward_embedding();
  for (Index layer = 0; layer < spec_.layer_count; ++layer) x = forward_layer(layer, x);
  const float* o = spec_.has_attention ? forward_attention(x) : x;

  float* o_gradient = gradients == nullptr ? nullptr : context_.arena.floats(tokens * spec_.hidden_size);
  LossSum result;
  result.loss_sum = forward_loss(o, gradients, o_gradient);
  result.token_count = tokens;
  if (gradients == nullptr) return result;

  float* hidden_gradient = o_gradient;
  if (spec_.has_attention) {
    hidden_gradient = context_.arena.floats(tokens * spec_.hidden_size);
    backward_attention(*gradients, o_gradient, hidden_gradient);
  }
  for (Index layer = spec_.layer_count - 1; layer >= 0; --layer) {
    hidden_gradient = backward_layer(layer, *gradients, hidden_gradient);
  }
  backward_embedding(*gradients, hidden_gradient);
  backward_image(*gradients);
  return result;
}

float* TrainingPass::mask(DropoutSite site, Index layer, double rate, Index count, const std::int32_t* rows,
                          const std::int32_t* steps, Index columns) {
  if (!training_ || rate == 0) return nullptr;
  float* result = context_.arena.floats(count * columns);
  draw_dropout_masks(context_, batch_.dropout_seed, site, layer, rate, count, rows, steps, columns, result);
  return result;
}

const float* TrainingPass::masked(const float* x, const float* mask, Index size) {
  if (mask == nullptr) return x;
  float* result = context_.arena.floats(size);
  multiply_to(context_, size, result, x, mask);
  return result;
}

const float* TrainingPass::normalize(NormalizationTape& tape, const NormalizationPointers& parameters, Index rows,
                                     Index columns, const float* x) {
  if (spec_.normalization == Normalization::none) return x;
  float* y = context_.arena.floats(rows * columns);
  tape = {&parameters, rows, columns, x, nullptr, nullptr, nullptr};
  if (spec_.normalization == Normalization::layer) {
    tape.mean = context_.arena.floats(rows);
    tape.inverse = context_.arena.floats(rows);
    normalize_rows(context_, rows, columns, x, kLayerNormEpsilon, parameters.gamma, parameters.beta, tape.mean,
                   tape.inverse, y);
    return y;
  }
  const float* mean = parameters.running_mean;
  const float* variance = parameters.running_variance;
  if (training_) {
    tape.mean = context_.arena.floats(columns);
    tape.variance = context_.arena.floats(columns);
    column_statistics(context_, rows, columns, x, tape.mean, tape.variance);
    mean = tape.mean;
    variance = tape.variance;
  }
  normalize_columns(context_, rows, columns, x, mean, variance, kBatchNormEpsilon, parameters.gamma, parameters.beta,
                    y);
  return y;
}

void TrainingPass::forward_image() {
  const Index images = batch_.features.images;
  const Index captions = tokens_.captions_count();
  const Index features = spec_.feature_size;
  pooled_ = normalize(image_normalization_, parameters_.image_normalization, images, features, batch_.features.pooled);
  projection_input_ = pooled_;
  projection_rows_ = images;
  projection_of_caption_ = tokens_.caption_images;
  if (spec_.image_injection == ImageInjection::first_input) {
    projected_ = context_.arena.floats(images * spec_.embedding_size);
    linear(context_, images, spec_.embedding_size, features, pooled_, parameters_.image_weight, parameters_.image_bias,
           projected_);
    image_mask_ = mask(DropoutSite::image, 0, spec_.dropout.image, captions, tokens_.captions.data(), nullptr,
                       spec_.embedding_size);
    return;
  }
  image_mask_ = mask(DropoutSite::image, 0, spec_.dropout.image, captions, tokens_.captions.data(), nullptr, features);
  if (image_mask_ != nullptr) {
    float* of_captions = context_.arena.floats(captions * features);
    gather_rows(context_, captions, features, pooled_, tokens_.caption_images.data(), of_captions);
    multiply(context_, captions * features, of_captions, image_mask_);
    projection_input_ = of_captions;
    projection_rows_ = captions;
    for (Index row = 0; row < captions; ++row) {
      projection_of_caption_[static_cast<std::size_t>(row)] = static_cast<std::int32_t>(row);
    }
  }
  const Index width = spec_.layer_count * spec_.hidden_size;
  const auto project = [&](const float* weight, const float* bias) {
    float* out = context_.arena.floats(projection_rows_ * width);
    linear(context_, projection_rows_, width, features, projection_input_, weight, bias, out);
    context_.kernels.tanh(out, projection_rows_ * width);
    return out;
  };
  projected_hidden_ = project(parameters_.image_hidden_weight, parameters_.image_hidden_bias);
  projected_cell_ = project(parameters_.image_cell_weight, parameters_.image_cell_bias);
}

const float* TrainingPass::forward_embedding() {
  const Index tokens = tokens_.token_count();
  const Index captions = tokens_.captions_count();
  const Index size = spec_.embedding_size;
  float* x = context_.arena.floats(tokens * size);
  gather_rows(context_, tokens, size, parameters_.embedding, tokens_.inputs.data(), x);
  const bool image_first = spec_.image_injection == ImageInjection::first_input;
  if (image_first) gather_rows(context_, captions, size, projected_, tokens_.caption_images.data(), x);
  const Index first_word = image_first ? captions : 0;
  embedding_mask_ = mask(DropoutSite::embedding, 0, spec_.dropout.embedding, tokens - first_word,
                         tokens_.token_captions.data() + first_word, tokens_.token_steps.data() + first_word, size);
  if (embedding_mask_ != nullptr)
    multiply(context_, (tokens - first_word) * size, x + first_word * size, embedding_mask_);
  if (image_first && image_mask_ != nullptr) multiply(context_, captions * size, x, image_mask_);
  return x;
}

void TrainingPass::apply_input_mask(const LayerTape& tape, Index columns, const float* x, float* out) const {
  if (!spec_.dropout.input_mask_per_sequence) {
    return multiply_to(context_, tokens_.token_count() * columns, out, x, tape.input_mask);
  }
  for (std::size_t step = 0; step < tokens_.row_counts.size(); ++step) {
    const Index at = tokens_.offsets[step] * columns;
    multiply_to(context_, tokens_.row_counts[step] * columns, out + at, x + at, tape.input_mask);
  }
}

const float* TrainingPass::forward_layer(Index layer, const float* x) {
  const auto at = static_cast<std::size_t>(layer);
  LayerTape& tape = layers_[at];
  const LayerPointers& own = parameters_.layers[at];
  const Index tokens = tokens_.token_count();
  const Index captions = tokens_.captions_count();
  const Index hidden = spec_.hidden_size;
  const Index columns = spec_.input_size(layer);

  const float* input = normalize(tape.normalization, own.normalization, tokens, columns, x);
  const bool per_sequence = spec_.dropout.input_mask_per_sequence;
  tape.input_mask = mask(DropoutSite::input, layer, spec_.dropout.input, per_sequence ? captions : tokens,
                         per_sequence ? tokens_.captions.data() : tokens_.token_captions.data(),
                         per_sequence ? nullptr : tokens_.token_steps.data(), columns);
  tape.input = const_cast<float*>(input);
  if (tape.input_mask != nullptr) {
    tape.input = context_.arena.floats(tokens * columns);
    apply_input_mask(tape, columns, input, tape.input);
  }

  LstmSequence& sequence = tape.sequence;
  sequence.ranges = tokens_.ranges();
  sequence.hidden = hidden;
  sequence.hard_sigmoid = spec_.hard_sigmoid;
  sequence.recurrent_mask =
      mask(DropoutSite::recurrent, layer, spec_.dropout.recurrent, captions, tokens_.captions.data(), nullptr, hidden);
  if (spec_.image_injection == ImageInjection::initial_state) {
    const Index width = spec_.layer_count * hidden;
    const auto take = [&](const float* projected) {
      float* out = context_.arena.floats(captions * hidden);
      for (Index row = 0; row < captions; ++row) {
        const float* from = projected + projection_of_caption_[static_cast<std::size_t>(row)] * width + layer * hidden;
        std::memcpy(out + row * hidden, from, static_cast<std::size_t>(hidden) * sizeof(float));
      }
      return out;
    };
    sequence.initial_hidden = take(projected_hidden_);
    sequence.initial_cell = take(projected_cell_);
  }
  sequence.gates = context_.arena.floats(tokens * 4 * hidden);
  sequence.cell = context_.arena.floats(tokens * hidden);
  sequence.tanh_cell = context_.arena.floats(tokens * hidden);
  sequence.hidden_in = context_.arena.floats(tokens * hidden);
  sequence.output = context_.arena.floats(tokens * hidden);
  linear(context_, tokens, 4 * hidden, columns, tape.input, own.input_weight, own.bias, sequence.gates);
  recurrent_.pack(context_, hidden, 4 * hidden, {own.recurrent_weight, 4 * hidden});
  lstm_forward(context_, sequence, recurrent_);
  return sequence.output;
}

const float* TrainingPass::forward_attention(const float* hidden_states) {
  const Index tokens = tokens_.token_count();
  const Index images = batch_.features.images;
  const Index cells = batch_.features.cells;
  const Index hidden = spec_.hidden_size;
  const Index size = spec_.attention_size;
  const Index width = hidden + size;

  float* values = context_.arena.floats(images * cells * size);
  linear(context_, images * cells, size, spec_.grid_feature_size, batch_.features.grid, parameters_.value_weight,
         parameters_.value_bias, values);
  context_.pool.split(images * cells * size, 16'384,
                      [&](Index begin, Index end) { context_.kernels.relu(values + begin, end - begin); });
  if (training_ && spec_.dropout.attention_value > 0) {
    std::vector<std::int32_t> rows;
    std::vector<std::int32_t> steps;
    for (Index row = 0; row < images * cells; ++row) {
      rows.push_back(static_cast<std::int32_t>(row / cells));
      steps.push_back(static_cast<std::int32_t>(row % cells));
    }
    value_mask_ = mask(DropoutSite::attention_value, 0, spec_.dropout.attention_value, images * cells, rows.data(),
                       steps.data(), size);
    multiply(context_, images * cells * size, values, value_mask_);
  }
  values_ = values;
  keys_ = context_.arena.floats(images * cells * size);
  linear(context_, images * cells, size, size, values_, parameters_.key_weight, nullptr, keys_);

  sorted_hidden_ = context_.arena.floats(tokens * hidden);
  gather_rows(context_, tokens, hidden, hidden_states, order_.order.data(), sorted_hidden_);
  queries_ = context_.arena.floats(tokens * size);
  linear(context_, tokens, size, hidden, sorted_hidden_, parameters_.query_weight, nullptr, queries_);
  attention_weights_ = context_.arena.floats(tokens * spec_.attention_heads * cells);
  float* joined = context_.arena.floats(tokens * width);
  for (Index token = 0; token < tokens; ++token) {
    std::memcpy(joined + token * width, sorted_hidden_ + token * hidden,
                static_cast<std::size_t>(hidden) * sizeof(float));
  }
  attention_forward(context_,
                    {images, cells, spec_.attention_heads, size, order_.image_offsets.data(), queries_, keys_, values_,
                     attention_weights_},
                    joined + hidden, width);
  joined_mask_ = mask(DropoutSite::attention_output, 0, spec_.dropout.attention_output, tokens, order_.captions.data(),
                      order_.steps.data(), width);
  joined_ = masked(joined, joined_mask_, tokens * width);
  float* attended = context_.arena.floats(tokens * hidden);
  linear(context_, tokens, hidden, width, joined_, parameters_.attention_weight, parameters_.attention_bias, attended);
  context_.kernels.tanh(attended, tokens * hidden);
  attended_ = attended;
  return attended;
}

}  // namespace showtell
