// LSTM weights between our layout (model/parameters.h: [inputs, 4H], gates i, f, g, o side by side) and one matrix
// [H, inputs] for each gate, which is cuDNN's.
#pragma once

#include <cstdint>

#include "cuda/training/element.h"

namespace showtell::cuda {

/// One gate's matrix, or its bias as a matrix of one input.
template <typename Real>
struct GateMatrix {
  std::int64_t flat = 0;         // of its first value in the flat arrays of parameters and gradients
  std::int32_t flat_stride = 0;  // from one input to the next
  std::int32_t inputs = 0, units = 0;
  std::int32_t stride = 0;  // from one unit to the next in the two below
  Real* weights = nullptr;
  Real* gradients = nullptr;
};

/// Writes every matrix' weights from the flat array.
template <typename Real>
void pack_gates(cudaStream_t stream, const GateMatrix<Real>* matrices, Index count, const float* flat);

/// Writes the flat array of gradients from every matrix' gradients.
template <typename Real>
void unpack_gates(cudaStream_t stream, const GateMatrix<Real>* matrices, Index count, float* flat);

}  // namespace showtell::cuda
