#include "model/decoder.h"

#include <cmath>

#include "ops/linear.h"

namespace showtell {

namespace {

const DecoderSpec& checked(const DecoderSpec& spec) {
  check_spec(spec);
  return spec;
}

}  // namespace

Decoder::Decoder(const DecoderSpec& spec, const ParameterVisitor& fill)
    : spec_(checked(spec)),
      layout_(spec_),
      parameters_(AlignedBuffer::zeros(layout_.trainable_size())),
      statistics_(AlignedBuffer::zeros(layout_.statistics_size())),
      pointers_(layout_.pointers(parameters_.data(), statistics_.data())),
      inference_(spec_, pointers_) {
  visit(parameters_.data(), true, fill);
}

Index Decoder::bytes() const {
  const Index floats = parameters_.size() + statistics_.size() + gradients_.size() + first_moments_.size() +
                       second_moments_.size() + averages_.size() + context_.arena.capacity();
  return floats * static_cast<Index>(sizeof(float));
}

void Decoder::visit(float* trainable, bool with_statistics, const ParameterVisitor& visitor) {
  for (const auto& shape : layout_.shapes()) {
    if (shape.trainable)
      visitor(shape, trainable + shape.offset);
    else if (with_statistics)
      visitor(shape, statistics_.data() + shape.offset);
  }
}

void Decoder::check_features(const FeatureBatch& features) const {
  if (features.images < 1) throw Error(ErrorCode::shape, expected("at least one image", "pooled features", "none"));
  if (spec_.has_attention != (features.grid != nullptr)) {
    throw Error(ErrorCode::shape,
                expected(spec_.has_attention ? "a grid of cells for each image" : "none (no attention)",
                         "grid features", spec_.has_attention ? "none" : "some"));
  }
}

DecoderState Decoder::start(const FeatureBatch& features) {
  check_features(features);
  context_.arena.reset();
  return inference_.start(context_, features);
}

void Decoder::step(DecoderState& state, const std::int32_t* tokens, float* logits) {
  context_.arena.reset();
  const float* x = inference_.advance(context_, state, tokens, true);
  linear(context_, state.rows, x, inference_.output_weight(), inference_.output_bias(), logits);
}

void Decoder::gather(DecoderState& state, const std::int32_t* rows, Index count) {
  inference_.gather(context_, state, rows, count);
}

GeneratedCaptions Decoder::generate(const FeatureBatch& features, const SearchOptions& options) {
  check_features(features);
  context_.arena.reset();
  return showtell::generate(context_, spec_, inference_, features, options);
}

StepResult Decoder::train_step(const TrainingBatch& batch, const AdamOptions& options) {
  check_features(batch.features);
  check_batch(spec_, batch);
  const Index size = layout_.trainable_size();
  if (gradients_.size() == 0) gradients_ = AlignedBuffer::zeros(size);
  if (first_moments_.size() == 0) {
    first_moments_ = AlignedBuffer::zeros(size);
    second_moments_ = AlignedBuffer::zeros(size);
  }
  const bool averaging = options.average_decay >= 0;
  if (averaging && averages_.size() == 0) {
    averages_ = AlignedBuffer(size);
    std::memcpy(averages_.data(), parameters_.data(), static_cast<std::size_t>(size) * sizeof(float));
  }
  context_.arena.reset();
  const ParameterPointers gradients = layout_.pointers(gradients_.data(), nullptr);
  TrainingPass pass(context_, spec_, pointers_, batch, true);
  StepResult result;
  static_cast<LossSum&>(result) = pass.run(&gradients);
  result.gradient_norm = global_norm(context_, size, gradients_.data());
  pass.update_running_statistics();
  ++optimizer_step_;
  adam_update(context_, options, optimizer_step_, result.gradient_norm, size, parameters_.data(), gradients_.data(),
              first_moments_.data(), second_moments_.data(), averaging ? averages_.data() : nullptr);
  inference_.invalidate();
  return result;
}

LossSum Decoder::evaluate_loss(const TrainingBatch& batch) {
  check_features(batch.features);
  check_batch(spec_, batch);
  context_.arena.reset();
  return TrainingPass(context_, spec_, pointers_, batch, false).run(nullptr);
}

void Decoder::read_parameters(const ParameterVisitor& read) { visit(parameters_.data(), true, read); }

void Decoder::write_parameters(const ParameterVisitor& write) {
  visit(parameters_.data(), true, write);
  inference_.invalidate();
}

void Decoder::read_gradients(const ParameterVisitor& read) {
  if (gradients_.size() == 0)
    throw Error(ErrorCode::option, expected("a training step", "readGradients", "none so far"));
  visit(gradients_.data(), false, read);
}

void Decoder::read_averages(const ParameterVisitor& read) {
  if (averages_.size() == 0) {
    throw Error(ErrorCode::option, expected("a training step with averageDecay", "readAverages", "none so far"));
  }
  visit(averages_.data(), true, read);
}

AlignedBuffer& Decoder::optimizer_array(OptimizerArray array) {
  switch (array) {
    case OptimizerArray::first_moments:
      return first_moments_;
    case OptimizerArray::second_moments:
      return second_moments_;
    case OptimizerArray::averages:
      break;
  }
  return averages_;
}

void Decoder::visit_optimizer(OptimizerArray array, const ParameterVisitor& read) {
  visit(optimizer_array(array).data(), false, read);
}

void Decoder::write_optimizer(Index step, const ParameterVisitor* first, const ParameterVisitor* second,
                              const ParameterVisitor* averages) {
  const auto fill = [&](const ParameterVisitor* write) {
    if (write == nullptr) return AlignedBuffer();
    AlignedBuffer values = AlignedBuffer::zeros(layout_.trainable_size());
    visit(values.data(), false, *write);
    return values;
  };
  AlignedBuffer first_moments = fill(first), second_moments = fill(second), means = fill(averages);
  first_moments_ = std::move(first_moments);
  second_moments_ = std::move(second_moments);
  averages_ = std::move(means);
  optimizer_step_ = step;
}

}  // namespace showtell
