#include "cuda/training/cuda_training.h"

#include <cmath>
#include <tuple>

#include "cuda/training/optimizer.h"

namespace showtell::cuda {

namespace {

constexpr std::size_t kMostGraphs = 64;

/// Copies between the host and the device, done when the call returns: the streams of a training do not wait for
/// others.
void copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  if (bytes == 0) return;
  check(cudaMemcpy(to, from, bytes, kind), "copying between host and device");
  check(cudaStreamSynchronize(nullptr), "copying between host and device");
}

std::size_t float_bytes(Index count) { return static_cast<std::size_t>(count) * sizeof(float); }

DeviceBuffer<float> zeros(Index size) {
  DeviceBuffer<float> buffer(size);
  check(cudaMemset(buffer.data(), 0, float_bytes(size)), "clearing memory");
  check(cudaStreamSynchronize(nullptr), "clearing memory");
  return buffer;
}

void copy_to_device(const DeviceBuffer<float>& to, const AlignedBuffer& from) {
  copy(to.data(), from.data(), float_bytes(from.size()), cudaMemcpyHostToDevice);
}

const DecoderSpec& checked(const DecoderSpec& spec) {
  check_spec(spec);
  return spec;
}

/// Every gap between arrays holds zeros for ever: gradients there stay zero, and so do parameters and moments.
AlignedBuffer filled(const ParameterLayout& layout, bool trainable, const ParameterVisitor& fill) {
  AlignedBuffer values = AlignedBuffer::zeros(trainable ? layout.trainable_size() : layout.statistics_size());
  for (const auto& shape : layout.shapes()) {
    if (shape.trainable == trainable) fill(shape, values.data() + shape.offset);
  }
  return values;
}

/// Images become the third extent of a launch, at most 65 535: the largest bucket below it.
constexpr Index kMostAttendedImages = 61'440;

void check_features(const DecoderSpec& spec, const FeatureBatch& features) {
  if (spec.has_attention && features.images > kMostAttendedImages) {
    throw Error(ErrorCode::shape, expected("at most " + std::to_string(kMostAttendedImages), "images of a batch",
                                           std::to_string(features.images)));
  }
  if (spec.has_attention == (features.grid != nullptr)) return;
  throw Error(ErrorCode::shape, expected(spec.has_attention ? "a grid of cells for each image" : "none (no attention)",
                                         "grid features", spec.has_attention ? "none" : "some"));
}

}  // namespace

bool CudaTraining::GraphKey::operator<(const GraphKey& other) const {
  return std::tie(shape, slot, training, averaging) <
         std::tie(other.shape, other.slot, other.training, other.averaging);
}

CudaTraining::CudaTraining(const DecoderSpec& spec, TrainingPrecision precision, const ParameterVisitor& fill,
                           Index most_logits, CudnnFinder find_cudnn)
    : spec_(checked(spec)),
      layout_(spec_),
      precision_(precision),
      parameters_(layout_.trainable_size()),
      statistics_(layout_.statistics_size()),
      state_(1),
      pointers_(layout_.pointers(parameters_.data(), statistics_.data())),
      most_logits_(most_logits),
      find_cudnn_(find_cudnn),
      word_counts_(static_cast<std::size_t>(spec_.vocab_size)) {
  copy_to_device(parameters_, filled(layout_, true, fill));
  copy_to_device(statistics_, filled(layout_, false, fill));
  for (auto& slot : slots_) {  // an evaluation writes a part of it, and all of it is read back
    slot.outcome = DeviceBuffer<StepOutcome>(1);
    const StepOutcome none;
    copy(slot.outcome.data(), &none, sizeof none, cudaMemcpyHostToDevice);
  }
  set_loss_scale({scales_loss() ? kFirstLossScale : 1.0f, 0});
}

CudaTraining::~CudaTraining() = default;

const StepRecorder& CudaTraining::recorder() {
  if (recorder_ == nullptr) {
    recorder_ = StepRecorder::create(precision_, spec_, layout_, pointers_, gradient_pointers_, parameters_.data(),
                                     most_logits_, find_cudnn_ == nullptr ? nullptr : find_cudnn_());
  }
  return *recorder_;
}

void CudaTraining::set_loss_scale(const LossScale& scale) {
  OptimizerState state;
  state.steps_without_overflow = scale.steps_without_overflow;
  state.loss_scale = scale.factor;
  state.step = last_outcome_.step;
  copy(state_.data(), &state, sizeof state, cudaMemcpyHostToDevice);
}

LossScale CudaTraining::loss_scale() const {
  OptimizerState state;
  copy(&state, state_.data(), sizeof state, cudaMemcpyDeviceToHost);
  return {state.loss_scale, state.steps_without_overflow};
}

Index CudaTraining::bytes() const {
  Index total = parameters_.bytes() + statistics_.bytes() + gradients_.bytes() + first_moments_.bytes() +
                second_moments_.bytes() + averages_.bytes() + workspace_.bytes();
  for (const auto& slot : slots_) total += slot.lists.bytes() + slot.pooled.bytes() + slot.grid.bytes();
  return total;
}

// ---- a step ----

void CudaTraining::prepare_optimizer(bool averaging) {
  const Index size = layout_.trainable_size();
  if (gradients_.size() == 0) {
    gradients_ = zeros(size);
    gradient_pointers_ = layout_.pointers(gradients_.data(), nullptr);
  }
  if (first_moments_.size() == 0) {
    first_moments_ = zeros(size);
    second_moments_ = zeros(size);
    forget_graphs();
  }
  if (averaging && averages_.size() == 0) {
    averages_ = DeviceBuffer<float>(size);
    check(cudaMemcpyAsync(averages_.data(), parameters_.data(), float_bytes(size), cudaMemcpyDeviceToDevice, compute_),
          "copying parameters");
    forget_graphs();
  }
}

void CudaTraining::forget_graphs() {
  if (graphs_.empty()) return;
  compute_.synchronize();
  graphs_.clear();
}

void CudaTraining::upload_batch(Slot& slot, const TrainingBatch& batch, const BatchShape& shape,
                                const AdamOptions* options) {
  const BatchLists measured(nullptr, shape, spec_);
  const FeatureBatch& features = batch.features;
  const Index pooled_row = spec_.feature_size, grid_row = shape.cells * spec_.grid_feature_size;
  const Index bytes = recorder().workspace_bytes(shape, options != nullptr);
  if (slot.lists.size() < measured.bytes || slot.pooled.size() < shape.images * pooled_row ||
      slot.grid.size() < shape.images * grid_row || workspace_.size() < bytes) {
    forget_graphs();
    slot.staging.reserve(measured.bytes);
    slot.lists.reserve(measured.bytes);
    slot.pooled.reserve(shape.images * pooled_row);
    slot.grid.reserve(shape.images * grid_row);
    workspace_.reserve(bytes);
  }

  const BatchLists lists(slot.staging.data(), shape, spec_);
  *lists.inputs = StepInputs();
  fill_lists(batch, shape, spec_.image_injection == ImageInjection::first_input, word_counts_, lists);
  if (options != nullptr) {
    lists.inputs->learning_rate = static_cast<float>(options->learning_rate);
    lists.inputs->epsilon = static_cast<float>(options->epsilon);
    lists.inputs->beta1 = options->beta1;
    lists.inputs->beta2 = options->beta2;
    lists.inputs->clip_norm = options->clip_norm;
    lists.inputs->average_decay = options->average_decay;
  }
  slot.tokens = lists.inputs->tokens;
  check(cudaMemcpyAsync(slot.lists.data(), slot.staging.data(), static_cast<std::size_t>(lists.bytes),
                        cudaMemcpyHostToDevice, upload_),
        "uploading a batch");
  const auto upload_features = [&](const float* from, Index row, const DeviceBuffer<float>& to) {
    const Index real = features.images * row, padding = (shape.images - features.images) * row;
    if (real == 0) return;
    check(cudaMemcpyAsync(to.data(), from, float_bytes(real), cudaMemcpyHostToDevice, upload_), "uploading features");
    if (padding == 0) return;
    check(cudaMemsetAsync(to.data() + real, 0, float_bytes(padding), upload_), "clearing features");
  };
  upload_features(features.pooled, pooled_row, slot.pooled);
  upload_features(features.grid, grid_row, slot.grid);
  slot.uploaded.record(upload_);
}

void CudaTraining::run_graph(const GraphKey& key) {
  const Slot& slot = slots_[key.slot];
  const auto launch_all = [&] {
    const StepMemory memory{
        key.shape,          workspace_.data(),     slot.lists.data(),      slot.pooled.data(),
        slot.grid.data(),   state_.data(),         slot.outcome.data(),    gradients_.data(),
        parameters_.data(), first_moments_.data(), second_moments_.data(), key.averaging ? averages_.data() : nullptr};
    key.training ? recorder().train(compute_, memory) : recorder().evaluate(compute_, memory);
  };
  if (graphs_.size() >= kMostGraphs && graphs_.count(key) == 0) forget_graphs();
  RecordedStep& step = graphs_[key];
  // A shape met for the first time runs as it is: libraries load what they need outside a recording, and shapes that
  // never come back are not recorded.
  if (!step.met_before || step.refused) {
    step.met_before = true;
    launch_all();
    return;
  }
  if (!step.graph.is_recorded()) {
    try {
      step.graph.record(compute_, launch_all);
    } catch (const Error& error) {
      // Nothing has run yet. A library that cannot be recorded can still be called, and what is wrong besides shows then.
      step.refused = true;
      recording_refusal_ = error.what();
      launch_all();
      return;
    }
  }
  step.graph.launch(compute_);
}

void CudaTraining::start(const TrainingBatch& batch, const AdamOptions* options) {
  if (in_flight_ == 2) throw Error(ErrorCode::option, expected("at most two", "steps in flight", "a third"));
  check_features(spec_, batch.features);
  check_batch(spec_, batch);
  const bool averaging = options != nullptr && options->average_decay >= 0;
  if (options != nullptr) prepare_optimizer(averaging);
  const BatchShape shape = shape_of(batch);
  Slot& slot = slots_[next_slot_];
  upload_batch(slot, batch, shape, options);
  slot.uploaded.make_wait(compute_);
  run_graph({shape, next_slot_, options != nullptr, averaging});
  check(cudaMemcpyAsync(slot.result.data(), slot.outcome.data(), sizeof(StepOutcome), cudaMemcpyDeviceToHost, compute_),
        "reading the loss");
  slot.done.record(compute_);
  next_slot_ = 1 - next_slot_;
  ++in_flight_;
}

void CudaTraining::start_step(const TrainingBatch& batch, const AdamOptions& options) {
  const std::lock_guard<std::mutex> lock(steps_);
  start(batch, &options);
}

StepResult CudaTraining::finish_step() {
  std::unique_lock<std::mutex> lock(steps_);
  if (in_flight_ == 0) throw Error(ErrorCode::option, expected("a step in flight", "finish_step", "none"));
  Slot& slot = slots_[in_flight_ == 2 ? next_slot_ : 1 - next_slot_];
  lock.unlock();
  const cudaError_t error = slot.done.wait();
  lock.lock();
  --in_flight_;
  check(error, "waiting for a training step");
  last_outcome_ = *slot.result.data();
  StepResult result;
  result.loss_sum = last_outcome_.loss_sum;
  result.token_count = slot.tokens;
  result.gradient_norm = last_outcome_.gradient_norm;
  if (last_outcome_.applied == 0) {
    ++skipped_steps_;
    // An overflow is no failure as long as a smaller scale is left.
    if (last_outcome_.loss_scale > 1.0f) result.gradient_norm = 0;
  }
  return result;
}

StepResult CudaTraining::train_step(const TrainingBatch& batch, const AdamOptions& options) {
  start_step(batch, options);
  return finish_step();
}

LossSum CudaTraining::evaluate_loss(const TrainingBatch& batch) {
  if (in_flight_ > 0) throw Error(ErrorCode::option, expected("no step in flight", "evaluate_loss", "one"));
  Slot& slot = slots_[next_slot_];
  start(batch, nullptr);
  --in_flight_;
  slot.done.synchronize();
  LossSum result;
  result.loss_sum = slot.result.data()->loss_sum;
  result.token_count = slot.tokens;
  return result;
}

// ---- arrays ----

AlignedBuffer CudaTraining::download(const DeviceBuffer<float>& from) const {
  compute_.synchronize();
  AlignedBuffer values(from.size());
  copy(values.data(), from.data(), float_bytes(from.size()), cudaMemcpyDeviceToHost);
  return values;
}

void CudaTraining::visit(const DeviceBuffer<float>& trainable, bool with_statistics, const ParameterVisitor& visitor,
                         float factor) {
  AlignedBuffer values = download(trainable);
  AlignedBuffer statistics = with_statistics ? download(statistics_) : AlignedBuffer();
  if (factor != 1.0f) {
    for (Index at = 0; at < values.size(); ++at) values.data()[at] *= factor;
  }
  for (const auto& shape : layout_.shapes()) {
    if (shape.trainable) {
      visitor(shape, values.data() + shape.offset);
    } else if (with_statistics) {
      visitor(shape, statistics.data() + shape.offset);
    }
  }
}

void CudaTraining::read_parameters(const ParameterVisitor& read) { visit(parameters_, true, read, 1.0f); }

void CudaTraining::write_parameters(const ParameterVisitor& write) {
  compute_.synchronize();
  copy_to_device(parameters_, filled(layout_, true, write));
  copy_to_device(statistics_, filled(layout_, false, write));
}

void CudaTraining::read_gradients(const ParameterVisitor& read) {
  if (gradients_.size() == 0)
    throw Error(ErrorCode::option, expected("a training step", "readGradients", "none so far"));
  visit(gradients_, false, read, 1.0f / last_outcome_.loss_scale);
}

void CudaTraining::read_averages(const ParameterVisitor& read) {
  if (averages_.size() == 0) {
    throw Error(ErrorCode::option, expected("a training step with averageDecay", "readAverages", "none so far"));
  }
  visit(averages_, true, read, 1.0f);
}

DeviceBuffer<float>& CudaTraining::optimizer_array(Decoder::OptimizerArray array) {
  switch (array) {
    case Decoder::OptimizerArray::first_moments:
      return first_moments_;
    case Decoder::OptimizerArray::second_moments:
      return second_moments_;
    case Decoder::OptimizerArray::averages:
      break;
  }
  return averages_;
}

void CudaTraining::visit_optimizer(Decoder::OptimizerArray array, const ParameterVisitor& read) {
  visit(optimizer_array(array), false, read, 1.0f);
}

void CudaTraining::write_optimizer(Index step, const ParameterVisitor* first, const ParameterVisitor* second,
                                   const ParameterVisitor* averages) {
  const auto upload = [&](const ParameterVisitor* write) {
    if (write == nullptr) return DeviceBuffer<float>();
    DeviceBuffer<float> values(layout_.trainable_size());
    copy_to_device(values, filled(layout_, true, *write));
    return values;
  };
  forget_graphs();
  DeviceBuffer<float> first_moments = upload(first), second_moments = upload(second), means = upload(averages);
  first_moments_ = std::move(first_moments);
  second_moments_ = std::move(second_moments);
  averages_ = std::move(means);
  last_outcome_.step = step;
  set_loss_scale(loss_scale());
}

}  // namespace showtell::cuda
