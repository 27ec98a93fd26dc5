#include "cuda/training/normalization.h"

namespace showtell::cuda {

namespace {

constexpr int kStatisticsRows = 128;  // whose statistics one block takes

/// Statistics of kStatisticsRows rows: how many are real, their mean, and the squares around it.
struct PartStatistics {
  float* counts;  // [blocks of rows, columns], as the next two
  float* means;
  float* squares;
};

template <typename Real>
struct BatchStatistics {
  NormalizedMatrix<Real> matrix;
  PartStatistics parts;
};

/// All threads of the block take part, and all of a column get the sum of what those of the column have.
template <typename T>
__device__ T column_sum(T value, T* scratch) {
  scratch[threadIdx.y * kElementThreads + threadIdx.x] = value;
  __syncthreads();
  T total = scratch[threadIdx.x];
#pragma unroll
  for (int row = 1; row < kElementRows; ++row) total += scratch[row * kElementThreads + threadIdx.x];
  __syncthreads();
  return total;
}

template <typename Real>
__global__ void __launch_bounds__(256) part_statistics_kernel(const __grid_constant__ BatchStatistics<Real> args) {
  constexpr int kOwnRows = kStatisticsRows / kElementRows;
  SHARED(float, scratch, kElementBlock);
  const NormalizedMatrix<Real>& matrix = args.matrix;
  const Index column = Index{blockIdx.y} * kElementThreads + threadIdx.x;
  const bool inside = column < matrix.columns;
  float values[kOwnRows], sum = 0.0f;
  unsigned real = 0;
#pragma unroll
  for (int i = 0; i < kOwnRows; ++i) {
    const Index row = Index{blockIdx.x} * kStatisticsRows + i * kElementRows + threadIdx.y;
    const bool counts = inside && row < matrix.rows && is_real(matrix.real, row);
    values[i] = counts ? to_float(matrix.x[row * matrix.stride + column]) : 0.0f;
    sum += values[i];
    real |= static_cast<unsigned>(counts) << i;
  }
  const float count = column_sum(static_cast<float>(__popc(real)), scratch);
  const float mean = column_sum(sum, scratch) / fmaxf(count, 1.0f);
  float squares = 0.0f;
#pragma unroll
  for (int i = 0; i < kOwnRows; ++i) {
    const float difference = (real >> i & 1) != 0 ? values[i] - mean : 0.0f;
    squares += difference * difference;
  }
  squares = column_sum(squares, scratch);
  if (!inside || threadIdx.y > 0) return;
  const Index at = blockIdx.x * matrix.columns + column;
  args.parts.counts[at] = count;
  args.parts.means[at] = mean;
  args.parts.squares[at] = squares;
}

struct JoinStatistics {
  PartStatistics parts;
  Index count, columns;
  float* mean;
  float* variance;
};

/// The statistics of all parts together (Chan et al. 1979): the squares around the common mean.
__global__ void __launch_bounds__(256) join_statistics_kernel(const __grid_constant__ JoinStatistics args) {
  SHARED(double, scratch, kElementBlock);
  const Index column = Index{blockIdx.x} * kElementThreads + threadIdx.x;
  const bool inside = column < args.columns;
  double count = 0, sum = 0, squares = 0;
  for (Index part = threadIdx.y; inside && part < args.count; part += kElementRows) {
    const Index at = part * args.columns + column;
    const double own_count = args.parts.counts[at];
    count += own_count;
    sum += own_count * static_cast<double>(args.parts.means[at]);
  }
  count = column_sum(count, scratch);
  const double mean = column_sum(sum, scratch) / count;
  for (Index part = threadIdx.y; inside && part < args.count; part += kElementRows) {
    const Index at = part * args.columns + column;
    const double apart = static_cast<double>(args.parts.means[at]) - mean;
    squares += static_cast<double>(args.parts.squares[at]) + static_cast<double>(args.parts.counts[at]) * apart * apart;
  }
  squares = column_sum(squares, scratch);
  if (!inside || threadIdx.y > 0) return;
  args.mean[column] = static_cast<float>(mean);
  args.variance[column] = static_cast<float>(squares / count);
}

}  // namespace

Index batch_statistics_scratch(Index rows, Index columns) { return 3 * blocks_for(rows, kStatisticsRows) * columns; }

template <typename Real>
void batch_statistics(cudaStream_t stream, const NormalizedMatrix<Real>& matrix, float* scratch, float* mean,
                      float* variance) {
  const Index blocks = blocks_for(matrix.rows, kStatisticsRows), size = blocks * matrix.columns;
  const PartStatistics parts{scratch, scratch + size, scratch + 2 * size};
  const unsigned of_columns = blocks_for(matrix.columns, kElementThreads);
  start(part_statistics_kernel<Real>, dim3(static_cast<unsigned>(blocks), of_columns), element_block(), stream,
        BatchStatistics<Real>{matrix, parts});
  start(join_statistics_kernel, dim3(of_columns), element_block(), stream,
        JoinStatistics{parts, blocks, matrix.columns, mean, variance});
}

template void batch_statistics(cudaStream_t, const NormalizedMatrix<float>&, float*, float*, float*);
template void batch_statistics(cudaStream_t, const NormalizedMatrix<half>&, float*, float*, float*);

}  // namespace showtell::cuda
