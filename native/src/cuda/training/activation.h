// Bias, activation and dropout of a matrix in one pass, and the way back.
#pragma once

#include "cuda/activation_kind.h"
#include "cuda/training/dropout.h"

namespace showtell::cuda {

/// out = activation(x + bias) * mask. `plain`, where not null, gets the activation before the mask. In place is fine.
template <typename Real>
struct Activate {
  Index rows = 0, columns = 0;
  const Real* x = nullptr;
  const float* bias = nullptr;  // [columns] or null
  Activation activation = Activation::identity;
  DropoutMask mask;
  Real* plain = nullptr;
  Real* out = nullptr;
  Index stride = 0;  // of x, plain and out
};
template <typename Real>
void activate(cudaStream_t stream, const Activate<Real>& args);

/// d *= mask * activation'(y), in place; y is the activation's value.
template <typename Real>
struct ActivateBackward {
  Index rows = 0, columns = 0;
  const Real* y = nullptr;  // null for identity
  Activation activation = Activation::identity;
  DropoutMask mask;
  Real* d = nullptr;
  Index stride = 0;  // of y and d
};
template <typename Real>
void activate_backward(cudaStream_t stream, const ActivateBackward<Real>& args);

}  // namespace showtell::cuda
