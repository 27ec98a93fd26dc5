#include "model/cpu_decoder.h"

#include <cmath>

#include "ops/linear.h"

namespace showtell {

namespace {

class CpuDecodingState : public DecodingState {
 public:
  explicit CpuDecodingState(DecoderState from) : state(std::move(from)) {}
  Index rows() const override { return state.rows; }
  Index cells() const override { return state.cells; }
  Index steps() const override { return state.steps; }
  Index bytes() const override { return state.bytes(); }
  const float* attention() const override { return state.attention.data(); }

  DecoderState state;
};

DecoderState& own(DecodingState& state) { return static_cast<CpuDecodingState&>(state).state; }

}  // namespace

CpuDecoder::CpuDecoder(const DecoderSpec& spec, const ParameterVisitor& fill)
    : Decoder(spec),
      parameters_(AlignedBuffer::zeros(layout_.trainable_size())),
      statistics_(AlignedBuffer::zeros(layout_.statistics_size())),
      pointers_(layout_.pointers(parameters_.data(), statistics_.data())),
      inference_(spec_, pointers_) {
  visit(parameters_.data(), true, fill);
}

Index CpuDecoder::bytes() const {
  const Index floats = parameters_.size() + statistics_.size() + gradients_.size() + first_moments_.size() +
                       second_moments_.size() + averages_.size() + packed_.size() + context_.arena.capacity();
  return floats * static_cast<Index>(sizeof(float));
}

void CpuDecoder::visit(float* trainable, bool with_statistics, const ParameterVisitor& visitor) {
  for (const auto& shape : layout_.shapes()) {
    if (shape.trainable)
      visitor(shape, trainable + shape.offset);
    else if (with_statistics)
      visitor(shape, statistics_.data() + shape.offset);
  }
}

std::unique_ptr<DecodingState> CpuDecoder::start_checked(const FeatureBatch& features) {
  context_.arena.reset();
  inference_.prepare(context_);
  return std::make_unique<CpuDecodingState>(inference_.start(context_, features));
}

void CpuDecoder::step(DecodingState& decoding, const std::int32_t* tokens, float* logits) {
  context_.arena.reset();
  write_logits(decoding, tokens, logits);
}

void CpuDecoder::sample_step(DecodingState& decoding, const std::int32_t* tokens, const TokenDraws& draws,
                             std::int32_t* drawn) {
  context_.arena.reset();
  float* logits = context_.arena.floats(decoding.rows() * spec_.vocab_size);
  write_logits(decoding, tokens, logits);
  draw_tokens(context_, decoding.rows(), spec_.vocab_size, logits, draws, drawn);
}

void CpuDecoder::write_logits(DecodingState& decoding, const std::int32_t* tokens, float* logits) {
  DecoderState& state = own(decoding);
  inference_.prepare(context_);
  const float* x = inference_.advance(context_, state, tokens, true);
  linear(context_, state.rows, x, inference_.output().weight, inference_.output().bias, logits);
}

void CpuDecoder::gather(DecodingState& state, const std::int32_t* rows, Index count) {
  inference_.gather(own(state), rows, count);
}

GeneratedCaptions CpuDecoder::generate_checked(const FeatureBatch& features, const SearchOptions& options) {
  context_.arena.reset();
  return showtell::generate(context_, spec_, inference_, features, options);
}

StepWait CpuDecoder::start_step_checked(const TrainingBatch& batch, const AdamOptions& options) {
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
  TrainingPass pass(context_, spec_, pointers_, batch, true, packed_);
  StepResult result;
  static_cast<LossSum&>(result) = pass.run(&gradients);
  result.gradient_norm = global_norm(context_, size, gradients_.data());
  pass.update_running_statistics();
  ++optimizer_step_;
  adam_update(context_, options, optimizer_step_, result.gradient_norm, size, parameters_.data(), gradients_.data(),
              first_moments_.data(), second_moments_.data(), averaging ? averages_.data() : nullptr);
  inference_.invalidate();
  return [result] { return result; };
}

LossSum CpuDecoder::evaluate_checked(const TrainingBatch& batch) {
  context_.arena.reset();
  return TrainingPass(context_, spec_, pointers_, batch, false, packed_).run(nullptr);
}

void CpuDecoder::read_parameters(const ParameterVisitor& read) { visit(parameters_.data(), true, read); }

void CpuDecoder::write_parameters(const ParameterVisitor& write) {
  visit(parameters_.data(), true, write);
  inference_.invalidate();
}

void CpuDecoder::read_gradients(const ParameterVisitor& read) {
  if (gradients_.size() == 0)
    throw Error(ErrorCode::option, expected("a training step", "readGradients", "none so far"));
  visit(gradients_.data(), false, read);
}

void CpuDecoder::read_averages(const ParameterVisitor& read) {
  if (averages_.size() == 0) {
    throw Error(ErrorCode::option, expected("a training step with averageDecay", "readAverages", "none so far"));
  }
  visit(averages_.data(), true, read);
}

AlignedBuffer& CpuDecoder::optimizer_array(OptimizerArray array) {
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

void CpuDecoder::visit_optimizer(OptimizerArray array, const ParameterVisitor& read) {
  visit(optimizer_array(array).data(), false, read);
}

void CpuDecoder::write_optimizer(Index step, const ParameterVisitor* first, const ParameterVisitor* second,
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
