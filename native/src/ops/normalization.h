// Batch normalization (Ioffe & Szegedy 2015) and layer normalization (Ba et al. 2016) of x[rows, columns].
#pragma once

#include "base/cpu_context.h"

namespace showtell {

/// y = (x - mean) / sqrt(variance + epsilon) * gamma + beta with given statistics per column.
void normalize_columns(CpuContext& context, Index rows, Index columns, const float* x, const float* mean,
                       const float* variance, double epsilon, const float* gamma, const float* beta, float* y);

/// Mean and (biased) variance of each column.
void column_statistics(CpuContext& context, Index rows, Index columns, const float* x, float* mean, float* variance);

/// Gradient through normalize_columns with the statistics of x itself; `d` becomes the gradient of x.
void normalize_columns_backward(CpuContext& context, Index rows, Index columns, const float* x, const float* mean,
                                const float* variance, double epsilon, const float* gamma, float* d,
                                float* gamma_gradient, float* beta_gradient);

/// Each row by its own statistics; mean[rows] and inverse[rows] (1 / deviation) are kept for the gradient unless null.
void normalize_rows(CpuContext& context, Index rows, Index columns, const float* x, double epsilon, const float* gamma,
                    const float* beta, float* mean, float* inverse, float* y);

void normalize_rows_backward(CpuContext& context, Index rows, Index columns, const float* x, const float* mean,
                             const float* inverse, const float* gamma, float* d, float* gamma_gradient,
                             float* beta_gradient);

}  // namespace showtell
