#include "cuda/training/attention.h"

#include <cmath>

#include "cuda/training/reduce.h"

namespace showtell::cuda {

namespace {

// Products of every image and head: C = A B in tiles of kTile x kTile by 64 threads, 4 x 4 results each.
constexpr int kTile = 32, kDepth = 16, kTileArea = kTile * kDepth, kShare = 4, kProductThreads = 64;

/// What an extent of the product is: fixed, or the number of the image's queries.
constexpr int kQueries = -1;

/// A matrix per image and head inside a larger one.
template <typename Real>
struct Grouped {
  Real* data;
  int stride, head_step;
  bool of_queries;  // its rows are the image's queries; else its cells
};

template <typename Real>
struct GroupedProduct {
  const std::int32_t* query_offsets;
  int cells;
  int m, n, k;
  Grouped<const Real> a, b;
  Grouped<Real> c;
};

template <typename Real>
__device__ Real* group_start(const Grouped<Real>& matrix, Index first_query, Index first_cell, int head) {
  return matrix.data + (matrix.of_queries ? first_query : first_cell) * matrix.stride + head * matrix.head_step;
}

template <typename Real, bool Transpose>
__device__ float element(const Real* matrix, int stride, int row, int column) {
  return to_float(Transpose ? matrix[Index{column} * stride + row] : matrix[Index{row} * stride + column]);
}

template <typename Real, bool TransposeA, bool TransposeB>
__global__ void __launch_bounds__(kProductThreads)
    grouped_product_kernel(const __grid_constant__ GroupedProduct<Real> args) {
  SHARED(float, a_tile, kTileArea);  // [depth][row]
  SHARED(float, b_tile, kTileArea);  // [depth][column]
  const int image = static_cast<int>(blockIdx.z), head = static_cast<int>(blockIdx.y);
  const int first_query = args.query_offsets[image], queries = args.query_offsets[image + 1] - first_query;
  const Index first_cell = Index{image} * args.cells;
  const int m = args.m == kQueries ? queries : args.m, k = args.k == kQueries ? queries : args.k, n = args.n;
  const Real* a = group_start(args.a, first_query, first_cell, head);
  const Real* b = group_start(args.b, first_query, first_cell, head);
  Real* c = group_start(args.c, first_query, first_cell, head);
  const int thread = static_cast<int>(threadIdx.x);
  const int row_share = thread / (kTile / kShare) * kShare, column_share = thread % (kTile / kShare) * kShare;
  const int n0 = static_cast<int>(blockIdx.x) * kTile;
  for (int m0 = 0; m0 < m; m0 += kTile) {
    float sums[kShare][kShare] = {};
    for (int k0 = 0; k0 < k; k0 += kDepth) {
      for (int at = thread; at < kTileArea; at += kProductThreads) {
        // Neighbouring threads read neighbouring elements of the matrix as stored.
        const int a_depth = TransposeA ? at / kTile : at % kDepth, a_row = TransposeA ? at % kTile : at / kDepth;
        const int b_depth = TransposeB ? at % kDepth : at / kTile, b_column = TransposeB ? at / kDepth : at % kTile;
        const int row = m0 + a_row, a_at = k0 + a_depth, column = n0 + b_column, b_at = k0 + b_depth;
        a_tile[a_depth * kTile + a_row] =
            row < m && a_at < k ? element<Real, TransposeA>(a, args.a.stride, row, a_at) : 0.0f;
        b_tile[b_depth * kTile + b_column] =
            column < n && b_at < k ? element<Real, TransposeB>(b, args.b.stride, b_at, column) : 0.0f;
      }
      __syncthreads();
#pragma unroll
      for (int depth = 0; depth < kDepth; ++depth) {
        float left[kShare], right[kShare];
#pragma unroll
        for (int at = 0; at < kShare; ++at) {
          left[at] = a_tile[depth * kTile + row_share + at];
          right[at] = b_tile[depth * kTile + column_share + at];
        }
#pragma unroll
        for (int i = 0; i < kShare; ++i) {
#pragma unroll
          for (int j = 0; j < kShare; ++j) sums[i][j] = fmaf(left[i], right[j], sums[i][j]);
        }
      }
      __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < kShare; ++i) {
#pragma unroll
      for (int j = 0; j < kShare; ++j) {
        const int row = m0 + row_share + i, column = n0 + column_share + j;
        if (row < m && column < n) c[Index{row} * args.c.stride + column] = from_float<Real>(sums[i][j]);
      }
    }
  }
}

template <typename Real>
struct SoftmaxRows {
  const std::int32_t* count;  // queries
  Index heads, cells;
  float scale;
  Real* rows;            // forward: scores in, weights out; backward: weights
  Real* score_gradient;  // backward: gradient of the weights in, of the scores out
};

/// One warp a row of cells: softmax(scale * x), or its gradient scale * p * (g - sum(p g)).
template <typename Real, bool Backward>
__global__ void __launch_bounds__(256) softmax_rows_kernel(const __grid_constant__ SoftmaxRows<Real> args) {
  const Index row = element_row();
  if (row >= *args.count * args.heads) return;  // the whole warp
  const int cells = static_cast<int>(args.cells), lane = static_cast<int>(threadIdx.x);
  Real* x = args.rows + row * args.cells;
  if (Backward) {
    Real* gradient = args.score_gradient + row * args.cells;
    float inner = 0.0f;
    for (int cell = lane; cell < cells; cell += kWarp) inner += to_float(x[cell]) * to_float(gradient[cell]);
    inner = warp_sum(inner);
    for (int cell = lane; cell < cells; cell += kWarp) {
      const float value = args.scale * to_float(x[cell]) * (to_float(gradient[cell]) - inner);
      gradient[cell] = from_float<Real>(value);
    }
    return;
  }
  float most = -INFINITY;
  for (int cell = lane; cell < cells; cell += kWarp) most = fmaxf(most, to_float(x[cell]));
  most = warp_maximum(most);
  float total = 0.0f;
  for (int cell = lane; cell < cells; cell += kWarp) total += expf(args.scale * (to_float(x[cell]) - most));
  total = warp_sum(total);
  for (int cell = lane; cell < cells; cell += kWarp) {
    x[cell] = from_float<Real>(expf(args.scale * (to_float(x[cell]) - most)) / total);
  }
}

/// The products and softmaxes of one batch, with their common arguments.
template <typename Real>
struct Heads {
  cudaStream_t stream;
  const AttentionBatch<Real>& batch;
  Index head_size = batch.size / batch.heads;

  template <bool TransposeA, bool TransposeB>
  void multiply(Index m, Index n, Index k, Grouped<const Real> a, Grouped<const Real> b, Grouped<Real> c) const {
    const dim3 grid(blocks_for(n, kTile), static_cast<unsigned>(batch.heads), static_cast<unsigned>(batch.images));
    start(grouped_product_kernel<Real, TransposeA, TransposeB>, grid, dim3(kProductThreads), stream,
          GroupedProduct<Real>{batch.query_offsets, static_cast<int>(batch.cells), static_cast<int>(m),
                               static_cast<int>(n), static_cast<int>(k), a, b, c});
  }

  template <bool Backward>
  void softmax(Real* score_gradient) const {
    const float scale = static_cast<float>(1 / std::sqrt(static_cast<double>(head_size)));
    start(softmax_rows_kernel<Real, Backward>, dim3(blocks_for(batch.queries_most * batch.heads, kElementRows)),
          element_block(), stream,
          SoftmaxRows<Real>{batch.query_offsets + batch.images, batch.heads, batch.cells, scale, batch.weights,
                            score_gradient});
  }

  template <typename T>
  Grouped<T> of_queries(T* data, Index stride) const {
    return {data, static_cast<int>(stride), static_cast<int>(head_size), true};
  }
  template <typename T>
  Grouped<T> of_cells(T* data) const {
    return {data, static_cast<int>(batch.stride), static_cast<int>(head_size), false};
  }
  template <typename T>
  Grouped<T> of_weights(T* data) const {
    return {data, static_cast<int>(batch.heads * batch.cells), static_cast<int>(batch.cells), true};
  }
};

}  // namespace

template <typename Real>
void attention_forward(cudaStream_t stream, const AttentionBatch<Real>& batch, Real* attended, Index attended_stride) {
  const Heads<Real> heads{stream, batch};
  const Index size = heads.head_size;
  const Real* weights = batch.weights;
  heads.template multiply<false, true>(kQueries, batch.cells, size, heads.of_queries(batch.queries, batch.stride),
                                       heads.of_cells(batch.keys), heads.of_weights(batch.weights));
  heads.template softmax<false>(nullptr);
  heads.template multiply<false, false>(kQueries, size, batch.cells, heads.of_weights(weights),
                                        heads.of_cells(batch.values), heads.of_queries(attended, attended_stride));
}
template void attention_forward(cudaStream_t, const AttentionBatch<float>&, float*, Index);
template void attention_forward(cudaStream_t, const AttentionBatch<half>&, half*, Index);

template <typename Real>
void attention_backward(cudaStream_t stream, const AttentionBatch<Real>& batch, const Real* attended_gradient,
                        Index attended_gradient_stride, Real* score_gradient, Real* query_gradient, Real* key_gradient,
                        Real* value_gradient) {
  const Heads<Real> heads{stream, batch};
  const Index size = heads.head_size;
  const Real* weights = batch.weights;
  const Real* scores = score_gradient;
  const auto d = heads.of_queries(attended_gradient, attended_gradient_stride);
  heads.template multiply<true, false>(batch.cells, size, kQueries, heads.of_weights(weights), d,
                                       heads.of_cells(value_gradient));
  heads.template multiply<false, true>(kQueries, batch.cells, size, d, heads.of_cells(batch.values),
                                       heads.of_weights(score_gradient));
  heads.template softmax<true>(score_gradient);
  heads.template multiply<false, false>(kQueries, size, batch.cells, heads.of_weights(scores),
                                        heads.of_cells(batch.keys), heads.of_queries(query_gradient, batch.stride));
  heads.template multiply<true, false>(batch.cells, size, kQueries, heads.of_weights(scores),
                                       heads.of_queries(batch.queries, batch.stride), heads.of_cells(key_gradient));
}
template void attention_backward(cudaStream_t, const AttentionBatch<float>&, const float*, Index, float*, float*,
                                 float*, float*);
template void attention_backward(cudaStream_t, const AttentionBatch<half>&, const half*, Index, half*, half*, half*,
                                 half*);

}  // namespace showtell::cuda
