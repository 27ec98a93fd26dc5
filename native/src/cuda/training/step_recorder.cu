#include "cuda/training/step_recorder.h"

#include "cuda/training/device_pass.h"

namespace showtell::cuda {

namespace {

template <typename Real>
class RecorderOf : public StepRecorder {
 public:
  RecorderOf(TrainingPrecision precision, const DecoderSpec& spec, const ParameterLayout& layout,
             const ParameterPointers& parameters, const ParameterPointers& gradients, const float* flat_parameters,
             Index most_logits, const Cudnn* cudnn)
      : gemm_(precision == TrainingPrecision::tf32),
        side_gemm_(precision == TrainingPrecision::tf32),
        spec_(spec),
        limits_{layout.trainable_size(), most_logits},
        parameters_(parameters),
        gradients_(gradients),
        weights_(layout, flat_parameters) {
    if (cudnn != nullptr && CudnnLstm<Real>::can_run(spec)) {
      lstm_ = std::make_unique<CudnnLstm<Real>>(*cudnn, spec, precision, parameters, flat_parameters);
    }
  }

  bool uses_cudnn() const override { return lstm_ != nullptr; }

  Index workspace_bytes(const BatchShape& shape, bool training) const override {
    return arrays_of(nullptr, shape, training).bytes;
  }

  void train(cudaStream_t stream, const StepMemory& memory) const override {
    const TrainingArrays<Real> arrays = arrays_of(memory.workspace, memory.shape, true);
    const BatchLists lists(memory.lists, memory.shape, spec_);
    const PassMemory<Real> pass_memory = pass_memory_of(memory, lists);
    const Lanes lanes = lanes_of(stream, arrays);
    DevicePass<Real> pass(lanes, pass_memory, arrays, true);
    pass.run();
    finish_step(stream, {lists.inputs, arrays.losses, memory.shape.tokens, memory.gradients, limits_.parameters,
                         sizeof(Real) == 2, arrays.norm_parts, memory.state, memory.outcome});
    pass.update_running_statistics();
    adam_update(stream, {memory.outcome, limits_.parameters, memory.gradients, memory.parameters, memory.first_moments,
                         memory.second_moments, memory.averages});
  }

  void evaluate(cudaStream_t stream, const StepMemory& memory) const override {
    const TrainingArrays<Real> arrays = arrays_of(memory.workspace, memory.shape, false);
    const BatchLists lists(memory.lists, memory.shape, spec_);
    const PassMemory<Real> pass_memory = pass_memory_of(memory, lists);
    const Lanes lanes = lanes_of(stream, arrays);
    DevicePass<Real>(lanes, pass_memory, arrays, false).run();
    finish_evaluation(stream, arrays.losses, memory.shape.tokens, memory.outcome);
  }

 private:
  TrainingArrays<Real> arrays_of(void* base, const BatchShape& shape, bool training) const {
    const LstmCalls calls = lstm_ == nullptr ? LstmCalls() : lstm_->calls(shape, training);
    return TrainingArrays<Real>(base, spec_, shape, training, limits_, calls);
  }
  Lanes lanes_of(cudaStream_t stream, const TrainingArrays<Real>& arrays) const {
    return {{stream, &gemm_, arrays.scratch[0]}, {side_stream_, &side_gemm_, arrays.scratch[1]}, forked_, joined_};
  }
  PassMemory<Real> pass_memory_of(const StepMemory& memory, const BatchLists& lists) const {
    return {spec_,       memory.shape, parameters_,   gradients_,  memory.gradients, weights_,
            lstm_.get(), lists,        memory.pooled, memory.grid, memory.state,     memory.outcome};
  }

  const Gemm gemm_, side_gemm_;
  const Stream side_stream_;
  const Event forked_, joined_;
  const DecoderSpec& spec_;
  const TrainingLimits limits_;
  const ParameterPointers& parameters_;
  const ParameterPointers& gradients_;
  const WorkingWeights<Real> weights_;
  std::unique_ptr<const CudnnLstm<Real>> lstm_;
};

}  // namespace

std::unique_ptr<StepRecorder> StepRecorder::create(TrainingPrecision precision, const DecoderSpec& spec,
                                                   const ParameterLayout& layout, const ParameterPointers& parameters,
                                                   const ParameterPointers& gradients, const float* flat_parameters,
                                                   Index most_logits, const Cudnn* cudnn) {
  if (precision == TrainingPrecision::float16) {
    return std::make_unique<RecorderOf<half>>(precision, spec, layout, parameters, gradients, flat_parameters,
                                              most_logits, cudnn);
  }
  return std::make_unique<RecorderOf<float>>(precision, spec, layout, parameters, gradients, flat_parameters,
                                             most_logits, cudnn);
}

}  // namespace showtell::cuda
