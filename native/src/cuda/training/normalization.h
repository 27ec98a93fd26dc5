// Batch normalization (Ioffe & Szegedy 2015) and layer normalization (Ba et al. 2016) of x[rows, columns], where rows
// of padding count for nothing.
#pragma once

#include "cuda/training/element.h"
#include "cuda/training/step.h"

namespace showtell::cuda {

/// Row `step * period + sequence` is real where step < lengths[sequence]; `count`: how many rows are.
struct RealRows {
  const std::int32_t* lengths = nullptr;
  std::int32_t period = 1;
  const std::int32_t* count = nullptr;
};

inline __device__ bool is_real(const RealRows& real, Index row) {
  const auto at = static_cast<std::uint32_t>(row), period = static_cast<std::uint32_t>(real.period);
  return static_cast<std::int32_t>(at / period) < real.lengths[at % period];
}

template <typename Real>
struct NormalizedMatrix {
  Index rows = 0, columns = 0;
  const Real* x = nullptr;
  Index stride = 0;  // of x, y and d
  RealRows real;
  const float* gamma = nullptr;
  const float* beta = nullptr;
  float epsilon = 0;
};

/// Mean and biased variance of each column over the real rows. `scratch`: normalization_scratch(rows, columns) floats.
template <typename Real>
void batch_statistics(cudaStream_t stream, const NormalizedMatrix<Real>& matrix, float* scratch, float* mean,
                      float* variance);
/// y = (x - mean) / sqrt(variance + epsilon) * gamma + beta by column.
template <typename Real>
void batch_normalize(cudaStream_t stream, const NormalizedMatrix<Real>& matrix, const float* mean,
                     const float* variance, Real* y);
/// `d` becomes the gradient of x, zero in padding. `scratch`: normalization_scratch(rows, columns) floats.
template <typename Real>
void batch_normalize_backward(cudaStream_t stream, const NormalizedMatrix<Real>& matrix, const float* mean,
                              const float* variance, Real* d, float* scratch, float* gamma_gradient,
                              float* beta_gradient);
/// running = momentum * running + (1 - momentum) * value, where the step's update is applied.
void move_running_statistics(cudaStream_t stream, const StepOutcome* outcome, Index columns, double momentum,
                             const float* mean, const float* variance, float* running_mean, float* running_variance);

/// Each row by its own statistics; mean[rows] and inverse[rows] (1 / deviation) are kept for the way back.
template <typename Real>
void layer_normalize(cudaStream_t stream, const NormalizedMatrix<Real>& matrix, float* mean, float* inverse, Real* y);
template <typename Real>
void layer_normalize_backward(cudaStream_t stream, const NormalizedMatrix<Real>& matrix, const float* mean,
                              const float* inverse, Real* d, float* scratch, float* gamma_gradient,
                              float* beta_gradient);

/// Floats that statistics and gradients need room for; what batch_statistics alone needs.
Index normalization_scratch(Index rows, Index columns);
Index batch_statistics_scratch(Index rows, Index columns);

}  // namespace showtell::cuda
