// What a whole step launches, in the precision of the training.
#pragma once

#include <memory>

#include "cuda/cudnn.h"
#include "cuda/training/batch_lists.h"
#include "cuda/training/step.h"
#include "model/parameters.h"

namespace showtell::cuda {

/// Of products and of what lies between them; parameters, gradients and moments are float32 in all.
enum class TrainingPrecision { float32, tf32, float16 };

/// Everything a step reads and writes; all on the device.
struct StepMemory {
  BatchShape shape;
  char* workspace;
  char* lists;
  const float* pooled;
  const float* grid;
  OptimizerState* state;
  StepOutcome* outcome;
  float* gradients;
  float* parameters;
  float* first_moments;
  float* second_moments;
  float* averages;  // null: none
};

class StepRecorder {
 public:
  /// `cudnn` null: the LSTM runs on our own kernels in any case.
  static std::unique_ptr<StepRecorder> create(TrainingPrecision precision, const DecoderSpec& spec,
                                              const ParameterLayout& layout, const ParameterPointers& parameters,
                                              const ParameterPointers& gradients, const float* flat_parameters,
                                              Index most_logits, const Cudnn* cudnn);
  virtual ~StepRecorder() = default;
  virtual bool uses_cudnn() const = 0;
  virtual Index workspace_bytes(const BatchShape& shape, bool training) const = 0;
  virtual void train(cudaStream_t stream, const StepMemory& memory) const = 0;
  virtual void evaluate(cudaStream_t stream, const StepMemory& memory) const = 0;
};

}  // namespace showtell::cuda
