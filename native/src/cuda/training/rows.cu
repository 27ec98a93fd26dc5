#include "cuda/training/rows.h"

namespace showtell::cuda {

namespace {

constexpr int kSumRows = 256;  // of x that one block sums

template <typename From, typename To>
__global__ void __launch_bounds__(256) gather_rows_kernel(const __grid_constant__ GatherRows<From, To> args) {
  const int row = element_row(), column = element_column();
  if (row >= args.rows || column >= args.columns) return;
  const int from = args.indices == nullptr ? row : args.indices[row];
  float factors[4] = {0.0f, 0.0f, 0.0f, 0.0f};
  if (from >= 0) mask_factors(args.mask, row, column, factors);
#pragma unroll
  for (int at = 0; at < kColumnsPerThread; ++at) {
    if (column + at >= args.columns) break;
    const float value = from < 0 ? 0.0f : to_float(args.x[from * args.x_stride + column + at]);
    args.out[row * args.out_stride + column + at] = from_float<To>(value * factors[at]);
  }
}

template <typename Real>
__global__ void __launch_bounds__(256) scatter_rows_kernel(const __grid_constant__ ScatterRows<Real> args) {
  const int row = element_row(), column = element_column();
  if (row >= args.rows || column >= args.columns) return;
  const int to = args.indices[row];
  if (to < 0) return;
  float factors[4];
  mask_factors(args.mask, row, column, factors);
#pragma unroll
  for (int at = 0; at < kColumnsPerThread; ++at) {
    if (column + at >= args.columns) break;
    const float value = to_float(args.x[row * args.x_stride + column + at]);
    args.out[to * args.out_stride + column + at] = from_float<Real>(value * factors[at]);
  }
}

template <typename From, typename To>
__global__ void __launch_bounds__(256) sum_segments_kernel(const __grid_constant__ SumSegments<From, To> args) {
  const Segments& segments = args.segments;
  const int segment = element_row(), column = element_column(1);
  const int count = segments.count == nullptr ? static_cast<int>(segments.most) : *segments.count;
  if (segment >= count || segment >= segments.most || column >= args.columns) return;
  int begin = segment, end = segment + 1;
  if (segments.starts != nullptr) {
    begin = segments.starts[segment];
    end = segments.starts[segment + 1];
  }
  float sum = 0.0f;
#pragma unroll 4
  for (int at = begin; at < end; ++at) {
    const int row = segments.members == nullptr ? at : segments.members[at];
    sum += to_float(args.x[row * args.x_stride + column]) * mask_factor(args.mask, row, column);
  }
  const int target = segments.targets == nullptr ? segment : segments.targets[segment];
  const Index to = target * args.out_stride + column;
  if (args.tanh_output != nullptr) {
    const float y = to_float(args.tanh_output[to]);
    sum *= 1.0f - y * y;
  }
  if (args.accumulate) sum += to_float(args.out[to]);
  args.out[to] = from_float<To>(sum);
}

template <typename Real>
struct ColumnSums {
  Index rows, columns;
  const Real* x;
  Index stride;
  float* out;  // [blocks of rows, columns]
  bool accumulate;
};

/// Sums kSumRows rows of 32 columns: each thread every 8th row, then the 8 threads of a column in order.
template <typename Real>
__global__ void __launch_bounds__(256) column_sums_kernel(const __grid_constant__ ColumnSums<Real> args) {
  SHARED(float, parts, kElementBlock);
  const Index column = Index{blockIdx.y} * kElementThreads + threadIdx.x;
  const Index first = Index{blockIdx.x} * kSumRows;
  const Index end = first + kSumRows < args.rows ? first + kSumRows : args.rows;
  float sum = 0.0f;
  if (column < args.columns) {
#pragma unroll 4
    for (Index row = first + threadIdx.y; row < end; row += kElementRows) {
      sum += to_float(args.x[row * args.stride + column]);
    }
  }
  parts[threadIdx.y * kElementThreads + threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y == 0 && column < args.columns) {
    for (int part = 1; part < kElementRows; ++part) sum += parts[part * kElementThreads + threadIdx.x];
    float* out = args.out + blockIdx.x * args.columns + column;
    *out = args.accumulate ? *out + sum : sum;
  }
}

struct CastMatrices {
  const CastTask* tasks;
  const float* from;
  half* to;
};

__global__ void __launch_bounds__(256) cast_matrices_kernel(const __grid_constant__ CastMatrices args) {
  const CastTask task = args.tasks[blockIdx.y];
  const Index size = Index{task.rows} * task.columns, step = Index{gridDim.x} * blockDim.x;
  for (Index at = Index{blockIdx.x} * blockDim.x + threadIdx.x; at < size; at += step) {
    const Index row = at / task.columns;
    args.to[task.to + row * task.stride + at % task.columns] = from_float<half>(args.from[task.from + at]);
  }
}

}  // namespace

template <typename From, typename To>
void gather_rows(cudaStream_t stream, const GatherRows<From, To>& args) {
  start(gather_rows_kernel<From, To>, element_grid(args.rows, args.columns), element_block(), stream, args);
}
template void gather_rows(cudaStream_t, const GatherRows<float, float>&);
template void gather_rows(cudaStream_t, const GatherRows<half, half>&);
template void gather_rows(cudaStream_t, const GatherRows<half, float>&);

template <typename Real>
void scatter_rows(cudaStream_t stream, const ScatterRows<Real>& args) {
  start(scatter_rows_kernel<Real>, element_grid(args.rows, args.columns), element_block(), stream, args);
}
template void scatter_rows(cudaStream_t, const ScatterRows<float>&);
template void scatter_rows(cudaStream_t, const ScatterRows<half>&);

template <typename From, typename To>
void sum_segments(cudaStream_t stream, const SumSegments<From, To>& args) {
  start(sum_segments_kernel<From, To>, element_grid(args.segments.most, args.columns, 1), element_block(), stream,
        args);
}
template void sum_segments(cudaStream_t, const SumSegments<float, float>&);
template void sum_segments(cudaStream_t, const SumSegments<half, half>&);
template void sum_segments(cudaStream_t, const SumSegments<half, float>&);
template void sum_segments(cudaStream_t, const SumSegments<float, half>&);

Index column_sum_scratch(Index rows, Index columns) { return blocks_for(rows, kSumRows) * columns * 2; }

template <typename Real>
void column_sums(cudaStream_t stream, Index rows, Index columns, const Real* x, Index stride, float* scratch,
                 float* out, bool accumulate) {
  const Index blocks = blocks_for(rows, kSumRows);
  const dim3 grid(static_cast<unsigned>(blocks), blocks_for(columns, kElementThreads));
  if (blocks == 1) {
    start(column_sums_kernel<Real>, grid, element_block(), stream,
          ColumnSums<Real>{rows, columns, x, stride, out, accumulate});
    return;
  }
  start(column_sums_kernel<Real>, grid, element_block(), stream,
        ColumnSums<Real>{rows, columns, x, stride, scratch, false});
  column_sums<float>(stream, blocks, columns, scratch, columns, scratch + blocks * columns, out, accumulate);
}
template void column_sums(cudaStream_t, Index, Index, const float*, Index, float*, float*, bool);
template void column_sums(cudaStream_t, Index, Index, const half*, Index, float*, float*, bool);

void cast_matrices(cudaStream_t stream, const CastTask* tasks, Index count, const float* from, half* to) {
  start(cast_matrices_kernel, dim3(64, static_cast<unsigned>(count)), dim3(256), stream, CastMatrices{tasks, from, to});
}

namespace {

struct CastRows {
  Index rows, columns;
  const float* x;
  half* out;
  Index out_stride;
};

__global__ void __launch_bounds__(256) cast_rows_kernel(const __grid_constant__ CastRows args) {
  const int row = element_row(), column = element_column();
  if (row >= args.rows) return;
#pragma unroll
  for (int at = 0; at < kColumnsPerThread; ++at) {
    if (column + at >= args.columns) break;
    args.out[row * args.out_stride + column + at] = from_float<half>(args.x[row * args.columns + column + at]);
  }
}

}  // namespace

void cast_rows(cudaStream_t stream, Index rows, Index columns, const float* x, half* out, Index out_stride) {
  start(cast_rows_kernel, element_grid(rows, columns), element_block(), stream,
        CastRows{rows, columns, x, out, out_stride});
}

}  // namespace showtell::cuda
