// Affine maps and the sums of their bias gradients.
#pragma once

#include "ops/gemm.h"

namespace showtell {

/// Every row of out[rows, columns] becomes `bias`.
void fill_rows(CpuContext& context, Index rows, Index columns, const float* bias, float* out);

/// out[m, n] = x[m, k] weight[k, n] + bias[n]; no bias where it is null.
void linear(CpuContext& context, Index m, Index n, Index k, const float* x, const float* weight, const float* bias,
            float* out);
void linear(CpuContext& context, Index m, const float* x, const PackedMatrix& weight, const float* bias, float* out);

/// weight_gradient[k, n] = x^T d and bias_gradient[n] = column sums of d[m, n] (skipped where null).
void linear_backward(CpuContext& context, Index m, Index n, Index k, const float* x, const float* d,
                     float* weight_gradient, float* bias_gradient);

/// out[columns] = sums over rows, or += where `accumulate`.
void column_sums(CpuContext& context, Index rows, Index columns, const float* x, Index stride, float* out,
                 bool accumulate = false);

}  // namespace showtell
