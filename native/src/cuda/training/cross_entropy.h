// Softmax cross-entropy with token weights and label smoothing (Szegedy et al. 2016, section 7), loss and gradient in
// one kernel.
#pragma once

#include "cuda/training/element.h"
#include "cuda/training/step.h"

namespace showtell::cuda {

template <typename Real>
struct CrossEntropy {
  Index rows = 0, classes = 0;
  Real* logits = nullptr;  // [rows, classes] without the bias; where `gradient`, its gradient takes their place
  Index stride = 0;
  const float* bias = nullptr;            // [classes]
  const std::int32_t* targets = nullptr;  // [rows]; negative: padding, whose loss and gradient are zero
  const float* weights = nullptr;         // [rows]
  const StepInputs* inputs = nullptr;     // smoothing, number of tokens
  const OptimizerState* state = nullptr;  // loss scale
  float* losses = nullptr;                // [rows] weight * cross-entropy
  bool gradient = false;                  // that of loss_scale * sum(losses) / tokens
};
template <typename Real>
void softmax_cross_entropy(cudaStream_t stream, const CrossEntropy<Real>& args);

}  // namespace showtell::cuda
