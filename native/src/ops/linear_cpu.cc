#include "ops/linear.h"

namespace showtell {

void fill_rows(CpuContext& context, Index rows, Index columns, const float* bias, float* out) {
  context.pool.split(rows, 64, [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row) {
      std::memcpy(out + row * columns, bias, static_cast<std::size_t>(columns) * sizeof(float));
    }
  });
}

void linear(CpuContext& context, Index m, Index n, Index k, const float* x, const float* weight, const float* bias,
            float* out) {
  if (bias != nullptr) fill_rows(context, m, n, bias, out);
  gemm(context, m, n, k, {x, k}, {weight, n}, out, n, bias != nullptr);
}

void linear(CpuContext& context, Index m, const float* x, const PackedMatrix& weight, const float* bias, float* out) {
  gemm(context, m, {x, weight.rows()}, weight, {bias}, out, weight.columns());
}

void linear_backward(CpuContext& context, Index m, Index n, Index k, const float* x, const float* d,
                     float* weight_gradient, float* bias_gradient) {
  gemm(context, k, n, m, {x, k, Transpose::yes}, {d, n}, weight_gradient, n);
  if (bias_gradient != nullptr) column_sums(context, m, n, d, n, bias_gradient);
}

void column_sums(CpuContext& context, Index rows, Index columns, const float* x, Index stride, float* out,
                 bool accumulate) {
  context.pool.split(columns, 256, [&](Index begin, Index end) {
    const Index size = end - begin;
    if (!accumulate) std::memset(out + begin, 0, static_cast<std::size_t>(size) * sizeof(float));
    for (Index row = 0; row < rows; ++row) context.kernels.add(out + begin, x + row * stride + begin, size);
  });
}

}  // namespace showtell
