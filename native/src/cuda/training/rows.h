// Rows moved by index, summed by index, and summed over a matrix. No atomics: the same bits from run to run.
#pragma once

#include "cuda/training/dropout.h"

namespace showtell::cuda {

/// out[i] = x[rows[i]] * mask; zeros where rows[i] is negative; rows null: row i itself.
template <typename From, typename To>
struct GatherRows {
  Index rows = 0, columns = 0;
  const From* x = nullptr;
  Index x_stride = 0;
  const std::int32_t* indices = nullptr;
  DropoutMask mask;  // its matrix rows are those of `out`
  To* out = nullptr;
  Index out_stride = 0;
};
template <typename From, typename To>
void gather_rows(cudaStream_t stream, const GatherRows<From, To>& args);

/// out[rows[i]] = x[i] * mask; negative indices are skipped. No index may occur twice.
template <typename Real>
struct ScatterRows {
  Index rows = 0, columns = 0;
  const Real* x = nullptr;
  Index x_stride = 0;
  const std::int32_t* indices = nullptr;
  DropoutMask mask;  // its matrix rows are those of `x`
  Real* out = nullptr;
  Index out_stride = 0;
};
template <typename Real>
void scatter_rows(cudaStream_t stream, const ScatterRows<Real>& args);

/// Rows listed by segment: segment s has members [starts[s], starts[s + 1]).
struct Segments {
  Index most = 0;                         // segments in the launch
  const std::int32_t* count = nullptr;    // segments there are; null: all
  const std::int32_t* starts = nullptr;   // null: segment s is row s alone
  const std::int32_t* members = nullptr;  // rows of x
  const std::int32_t* targets = nullptr;  // row of out of each segment; null: s
};

/// out[target] (+)= sum over the segment, in its order, of x * mask; then, where `tanh_output` is given, times its
/// slope 1 - y^2.
template <typename From, typename To>
struct SumSegments {
  Segments segments;
  Index columns = 0;
  const From* x = nullptr;
  Index x_stride = 0;
  DropoutMask mask;                 // its matrix rows are those of `x`
  const To* tanh_output = nullptr;  // laid out as `out`
  To* out = nullptr;
  Index out_stride = 0;
  bool accumulate = false;
};
template <typename From, typename To>
void sum_segments(cudaStream_t stream, const SumSegments<From, To>& args);

/// out[columns] (+)= column sums of x. `scratch` holds column_sum_scratch(rows, columns) floats.
Index column_sum_scratch(Index rows, Index columns);
template <typename Real>
void column_sums(cudaStream_t stream, Index rows, Index columns, const Real* x, Index stride, float* scratch,
                 float* out, bool accumulate = false);

/// Matrices of a flat float array as padded half matrices, all in one launch.
struct CastTask {
  std::int64_t from = 0, to = 0;  // offsets in elements
  std::int32_t rows = 0, columns = 0, stride = 0;
};
void cast_matrices(cudaStream_t stream, const CastTask* tasks, Index count, const float* from, half* to);

/// out[rows, stride] = x[rows, columns].
void cast_rows(cudaStream_t stream, Index rows, Index columns, const float* x, half* out, Index out_stride);

}  // namespace showtell::cuda
