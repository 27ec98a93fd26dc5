// The end of a step: loss and global norm, then clipping (Pascanu et al. 2013), Adam (Kingma & Ba 2015, algorithm 1)
// and the exponential moving average of all parameters in one pass.
#pragma once

#include "cuda/training/element.h"
#include "cuda/training/step.h"

namespace showtell::cuda {

constexpr float kFirstLossScale = 65536;

/// Doubles that finish_step needs as scratch.
__host__ __device__ Index norm_scratch(Index parameters);

struct FinishStep {
  const StepInputs* inputs = nullptr;
  const float* losses = nullptr;
  Index loss_count = 0;
  const float* gradients = nullptr;  // times the loss scale
  Index parameters = 0;
  bool dynamic_scale = false;  // a gradient that is not finite skips the update and halves the loss scale
  double* scratch = nullptr;
  OptimizerState* state = nullptr;
  StepOutcome* outcome = nullptr;
};
/// Sums the losses, takes the norm, decides over the update and writes its factors.
void finish_step(cudaStream_t stream, const FinishStep& args);
/// Of an evaluation: the sum of the losses alone.
void finish_evaluation(cudaStream_t stream, const float* losses, Index count, StepOutcome* outcome);

struct AdamUpdate {
  const StepOutcome* outcome = nullptr;
  Index count = 0;  // a multiple of 4
  const float* gradients = nullptr;
  float* parameters = nullptr;
  float* first_moments = nullptr;
  float* second_moments = nullptr;
  float* averages = nullptr;  // null: none
};
void adam_update(cudaStream_t stream, const AdamUpdate& args);

}  // namespace showtell::cuda
