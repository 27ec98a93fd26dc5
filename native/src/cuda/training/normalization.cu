#include "cuda/training/normalization.h"

#include <algorithm>

#include "cuda/training/reduce.h"
#include "cuda/training/rows.h"

namespace showtell::cuda {

namespace {

constexpr int kSumRows = 256;  // rows whose parameter gradients one block sums

/// Statistics as the backward pass needs them: by column (batch) or by row (layer).
struct Statistics {
  bool by_row;
  const float* mean;
  const float* spread;  // batch: variance; layer: 1 / deviation
  float epsilon;
};

__device__ float inverse_of(const Statistics& statistics, Index row, Index column) {
  return statistics.by_row ? statistics.spread[row] : 1.0f / sqrtf(statistics.spread[column] + statistics.epsilon);
}
__device__ float mean_of(const Statistics& statistics, Index row, Index column) {
  return statistics.mean[statistics.by_row ? row : column];
}

template <typename Real>
struct BatchNormalize {
  NormalizedMatrix<Real> matrix;
  const float* mean;
  const float* variance;
  Real* y;
};

template <typename Real>
__global__ void __launch_bounds__(256) batch_normalize_kernel(const __grid_constant__ BatchNormalize<Real> args) {
  const NormalizedMatrix<Real>& matrix = args.matrix;
  const Index row = element_row(), column = element_column(1);
  if (row >= matrix.rows || column >= matrix.columns) return;
  const float scale = matrix.gamma[column] / sqrtf(args.variance[column] + matrix.epsilon);
  const Index at = row * matrix.stride + column;
  args.y[at] = from_float<Real>((to_float(matrix.x[at]) - args.mean[column]) * scale + matrix.beta[column]);
}

template <typename Real>
struct ParameterSums {
  NormalizedMatrix<Real> matrix;
  Statistics statistics;
  const Real* d;
  float* gamma_parts;  // [blocks of rows, columns]
  float* beta_parts;
};

template <typename Real>
__global__ void __launch_bounds__(256) parameter_sums_kernel(const __grid_constant__ ParameterSums<Real> args) {
  SHARED(float, gammas, kElementBlock);
  SHARED(float, betas, kElementBlock);
  const NormalizedMatrix<Real>& matrix = args.matrix;
  const Index column = Index{blockIdx.y} * kElementThreads + threadIdx.x;
  const bool inside = column < matrix.columns;
  const Index first = Index{blockIdx.x} * kSumRows;
  const Index end = first + kSumRows < matrix.rows ? first + kSumRows : matrix.rows;
  float gamma = 0.0f, beta = 0.0f;
  for (Index row = first + threadIdx.y; inside && row < end; row += kElementRows) {
    if (!is_real(matrix.real, row)) continue;
    const Index at = row * matrix.stride + column;
    const float d = to_float(args.d[at]);
    const float centered = to_float(matrix.x[at]) - mean_of(args.statistics, row, column);
    gamma += d * (centered * inverse_of(args.statistics, row, column));
    beta += d;
  }
  const int part = static_cast<int>(threadIdx.y * kElementThreads + threadIdx.x);
  gammas[part] = gamma;
  betas[part] = beta;
  __syncthreads();
  if (threadIdx.y == 0 && inside) {
    for (int at = 1; at < kElementRows; ++at) {
      gamma += gammas[at * kElementThreads + threadIdx.x];
      beta += betas[at * kElementThreads + threadIdx.x];
    }
    args.gamma_parts[blockIdx.x * matrix.columns + column] = gamma;
    args.beta_parts[blockIdx.x * matrix.columns + column] = beta;
  }
}

template <typename Real>
struct BatchNormalizeBackward {
  NormalizedMatrix<Real> matrix;
  Statistics statistics;
  const float* gamma_gradient;
  const float* beta_gradient;
  Real* d;
};

template <typename Real>
__global__ void __launch_bounds__(256)
    batch_normalize_backward_kernel(const __grid_constant__ BatchNormalizeBackward<Real> args) {
  const NormalizedMatrix<Real>& matrix = args.matrix;
  const Index row = element_row(), column = element_column(1);
  if (row >= matrix.rows || column >= matrix.columns) return;
  const Index at = row * matrix.stride + column;
  float result = 0.0f;
  if (is_real(matrix.real, row)) {
    const float count = static_cast<float>(*matrix.real.count);
    const float inverse = inverse_of(args.statistics, row, column);
    const float normalized = (to_float(matrix.x[at]) - args.statistics.mean[column]) * inverse;
    const float mean_d = args.beta_gradient[column] / count, mean_product = args.gamma_gradient[column] / count;
    result = matrix.gamma[column] * inverse * (to_float(args.d[at]) - mean_d - normalized * mean_product);
  }
  args.d[at] = from_float<Real>(result);
}

struct MoveStatistics {
  const StepOutcome* outcome;
  Index columns;
  double momentum;
  const float* mean;
  const float* variance;
  float* running_mean;
  float* running_variance;
};

__global__ void __launch_bounds__(256) move_statistics_kernel(const __grid_constant__ MoveStatistics args) {
  const Index column = Index{blockIdx.x} * blockDim.x + threadIdx.x;
  if (args.outcome->applied == 0 || column >= args.columns) return;
  const double keep = args.momentum, take = 1 - args.momentum;
  args.running_mean[column] = static_cast<float>(keep * args.running_mean[column] + take * args.mean[column]);
  args.running_variance[column] =
      static_cast<float>(keep * args.running_variance[column] + take * args.variance[column]);
}

template <typename Real>
struct LayerNormalize {
  NormalizedMatrix<Real> matrix;
  float* mean;
  float* inverse;
  Real* y;
};

/// One warp a row. Rows past the end are computed from the last row and not stored.
template <typename Real>
__global__ void __launch_bounds__(256) layer_normalize_kernel(const __grid_constant__ LayerNormalize<Real> args) {
  const NormalizedMatrix<Real>& matrix = args.matrix;
  const Index wanted = element_row(), row = wanted < matrix.rows ? wanted : matrix.rows - 1;
  const Real* x = matrix.x + row * matrix.stride;
  const int columns = static_cast<int>(matrix.columns), lane = static_cast<int>(threadIdx.x);
  float sum = 0.0f;
  for (int column = lane; column < columns; column += kWarp) sum += to_float(x[column]);
  const float mean = warp_sum(sum) / static_cast<float>(columns);
  float squares = 0.0f;
  for (int column = lane; column < columns; column += kWarp) {
    const float difference = to_float(x[column]) - mean;
    squares += difference * difference;
  }
  const float inverse = 1.0f / sqrtf(warp_sum(squares) / static_cast<float>(columns) + matrix.epsilon);
  if (wanted >= matrix.rows) return;
  if (lane == 0) {
    args.mean[row] = mean;
    args.inverse[row] = inverse;
  }
  for (int column = lane; column < columns; column += kWarp) {
    const float normalized = (to_float(x[column]) - mean) * inverse;
    args.y[row * matrix.stride + column] = from_float<Real>(normalized * matrix.gamma[column] + matrix.beta[column]);
  }
}

template <typename Real>
struct LayerNormalizeBackward {
  NormalizedMatrix<Real> matrix;
  const float* mean;
  const float* inverse;
  Real* d;
};

template <typename Real>
__global__ void __launch_bounds__(256)
    layer_normalize_backward_kernel(const __grid_constant__ LayerNormalizeBackward<Real> args) {
  const NormalizedMatrix<Real>& matrix = args.matrix;
  const Index wanted = element_row(), row = wanted < matrix.rows ? wanted : matrix.rows - 1;
  const Real* x = matrix.x + row * matrix.stride;
  Real* d = args.d + row * matrix.stride;
  const int columns = static_cast<int>(matrix.columns), lane = static_cast<int>(threadIdx.x);
  const float mean = args.mean[row], inverse = args.inverse[row];
  float sum = 0.0f, product = 0.0f;
  for (int column = lane; wanted < matrix.rows && column < columns; column += kWarp) {
    const float scaled = to_float(d[column]) * matrix.gamma[column];
    sum += scaled;
    product += scaled * ((to_float(x[column]) - mean) * inverse);
  }
  const float mean_d = warp_sum(sum) / static_cast<float>(columns);
  const float mean_product = warp_sum(product) / static_cast<float>(columns);
  if (wanted >= matrix.rows) return;
  const bool real = is_real(matrix.real, row);
  for (int column = lane; column < columns; column += kWarp) {
    const float normalized = (to_float(x[column]) - mean) * inverse;
    const float result = inverse * (to_float(d[column]) * matrix.gamma[column] - mean_d - normalized * mean_product);
    d[column] = from_float<Real>(real ? result : 0.0f);
  }
}

template <typename Real>
void sum_parameter_gradients(cudaStream_t stream, const NormalizedMatrix<Real>& matrix, const Statistics& statistics,
                             const Real* d, float* scratch, float* gamma_gradient, float* beta_gradient) {
  const Index blocks = blocks_for(matrix.rows, kSumRows), size = blocks * matrix.columns;
  start(parameter_sums_kernel<Real>, dim3(static_cast<unsigned>(blocks), blocks_for(matrix.columns, kElementThreads)),
        element_block(), stream, ParameterSums<Real>{matrix, statistics, d, scratch, scratch + size});
  float* sums = scratch + 2 * size;
  column_sums<float>(stream, blocks, matrix.columns, scratch, matrix.columns, sums, gamma_gradient);
  column_sums<float>(stream, blocks, matrix.columns, scratch + size, matrix.columns, sums, beta_gradient);
}

}  // namespace

Index normalization_scratch(Index rows, Index columns) {
  const Index blocks = blocks_for(rows, kSumRows);
  return std::max(batch_statistics_scratch(rows, columns), 2 * blocks * columns + column_sum_scratch(blocks, columns));
}

template <typename Real>
void batch_normalize(cudaStream_t stream, const NormalizedMatrix<Real>& matrix, const float* mean,
                     const float* variance, Real* y) {
  start(batch_normalize_kernel<Real>, element_grid(matrix.rows, matrix.columns, 1), element_block(), stream,
        BatchNormalize<Real>{matrix, mean, variance, y});
}

template <typename Real>
void batch_normalize_backward(cudaStream_t stream, const NormalizedMatrix<Real>& matrix, const float* mean,
                              const float* variance, Real* d, float* scratch, float* gamma_gradient,
                              float* beta_gradient) {
  const Statistics statistics{false, mean, variance, matrix.epsilon};
  sum_parameter_gradients(stream, matrix, statistics, d, scratch, gamma_gradient, beta_gradient);
  start(batch_normalize_backward_kernel<Real>, element_grid(matrix.rows, matrix.columns, 1), element_block(), stream,
        BatchNormalizeBackward<Real>{matrix, statistics, gamma_gradient, beta_gradient, d});
}

void move_running_statistics(cudaStream_t stream, const StepOutcome* outcome, Index columns, double momentum,
                             const float* mean, const float* variance, float* running_mean, float* running_variance) {
  start(move_statistics_kernel, dim3(blocks_for(columns, 256)), dim3(256), stream,
        MoveStatistics{outcome, columns, momentum, mean, variance, running_mean, running_variance});
}

template <typename Real>
void layer_normalize(cudaStream_t stream, const NormalizedMatrix<Real>& matrix, float* mean, float* inverse, Real* y) {
  start(layer_normalize_kernel<Real>, dim3(blocks_for(matrix.rows, kElementRows)), element_block(), stream,
        LayerNormalize<Real>{matrix, mean, inverse, y});
}

template <typename Real>
void layer_normalize_backward(cudaStream_t stream, const NormalizedMatrix<Real>& matrix, const float* mean,
                              const float* inverse, Real* d, float* scratch, float* gamma_gradient,
                              float* beta_gradient) {
  sum_parameter_gradients(stream, matrix, Statistics{true, mean, inverse, matrix.epsilon}, d, scratch, gamma_gradient,
                          beta_gradient);
  start(layer_normalize_backward_kernel<Real>, dim3(blocks_for(matrix.rows, kElementRows)), element_block(), stream,
        LayerNormalizeBackward<Real>{matrix, mean, inverse, d});
}

#define SHOWTELL_INSTANTIATE(Real)                                                                                \
  template void batch_normalize(cudaStream_t, const NormalizedMatrix<Real>&, const float*, const float*, Real*);  \
  template void batch_normalize_backward(cudaStream_t, const NormalizedMatrix<Real>&, const float*, const float*, \
                                         Real*, float*, float*, float*);                                          \
  template void layer_normalize(cudaStream_t, const NormalizedMatrix<Real>&, float*, float*, Real*);              \
  template void layer_normalize_backward(cudaStream_t, const NormalizedMatrix<Real>&, const float*, const float*, \
                                         Real*, float*, float*, float*);
SHOWTELL_INSTANTIATE(float)
SHOWTELL_INSTANTIATE(half)
#undef SHOWTELL_INSTANTIATE

}  // namespace showtell::cuda
