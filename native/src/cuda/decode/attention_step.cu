#include "cuda/decode/attention_step.h"

#include <algorithm>

#include "cuda/decode/activation.h"

namespace showtell::cuda {

namespace {

constexpr int kThreads = 128, kWarps = kThreads / 32;
constexpr int kMostRowsTogether = 8;

/// One head of a group's rows [first, first + count), count <= kMostRowsTogether.
template <Precision P>
class HeadOfRows {
 public:
  __device__ HeadOfRows(const AttentionStep& step, int image, int first, int count, float* shared)
      : step_(step),
        first_(first),
        count_(count),
        head_(static_cast<int>(blockIdx.y)),
        lane_(static_cast<int>(threadIdx.x & 31)),
        warp_(static_cast<int>(threadIdx.x >> 5)),
        first_cell_(static_cast<size_t>(image) * static_cast<size_t>(step.cells)),
        queries_(shared),
        scores_(shared + step.rows_together * step.head_size) {}

  __device__ void run() {
    load_queries();
    __syncthreads();
    score();
    __syncthreads();
    normalize();
    __syncthreads();
    attend();
    __syncthreads();  // the next rows reuse the shared memory
  }

 private:
  __device__ size_t row_offset(int row, const Operand& operand) const {
    return static_cast<size_t>(first_ + row) * static_cast<size_t>(operand.stride) + head_ * step_.head_size;
  }
  __device__ size_t cell_offset(int cell, const Operand& operand) const {
    return (first_cell_ + cell) * static_cast<size_t>(operand.stride) + head_ * step_.head_size;
  }

  __device__ void load_queries() {
    for (int row = 0; row < count_; ++row) {
      for (int at = static_cast<int>(threadIdx.x); at < step_.head_size; at += kThreads) {
        queries_[row * step_.head_size + at] = load_number<P>(step_.queries, row_offset(row, step_.queries) + at);
      }
    }
  }

  /// A warp takes a cell at a time: one key against the queries of all rows.
  __device__ void score() {
    const float scale = 1.0f / sqrtf(static_cast<float>(step_.head_size));
    for (int cell = warp_; cell < step_.cells; cell += kWarps) {
      const size_t key = cell_offset(cell, step_.keys);
      float sums[kMostRowsTogether] = {};
      for (int at = lane_; at < step_.head_size; at += 32) {
        const float k = load_number<P>(step_.keys, key + at);
#pragma unroll
        for (int row = 0; row < kMostRowsTogether; ++row) {
          if (row < count_) sums[row] = fmaf(k, queries_[row * step_.head_size + at], sums[row]);
        }
      }
#pragma unroll
      for (int row = 0; row < kMostRowsTogether; ++row) {
        if (row >= count_) continue;  // the same for all lanes
        for (int distance = 16; distance > 0; distance >>= 1) sums[row] += __shfl_xor_sync(~0u, sums[row], distance);
        if (lane_ == 0) scores_[row * step_.cells + cell] = sums[row] * scale;
      }
    }
  }

  /// Softmax over the cells; a warp takes a row at a time.
  __device__ void normalize() {
    for (int row = warp_; row < count_; row += kWarps) {
      float* scores = scores_ + row * step_.cells;
      float most = -3.4e38f;
      for (int cell = lane_; cell < step_.cells; cell += 32) most = fmaxf(most, scores[cell]);
      for (int distance = 16; distance > 0; distance >>= 1) most = fmaxf(most, __shfl_xor_sync(~0u, most, distance));
      float sum = 0.0f;
      for (int cell = lane_; cell < step_.cells; cell += 32) {
        scores[cell] = exponential<P>(scores[cell] - most);
        sum += scores[cell];
      }
      for (int distance = 16; distance > 0; distance >>= 1) sum += __shfl_xor_sync(~0u, sum, distance);
      for (int cell = lane_; cell < step_.cells; cell += 32) {
        scores[cell] /= sum;
        if (step_.weights != nullptr) {
          const auto head = static_cast<size_t>(first_ + row) * static_cast<size_t>(step_.heads) + head_;
          step_.weights[head * static_cast<size_t>(step_.cells) + cell] = scores[cell];
        }
      }
    }
  }

  /// A thread sums one column of the values for all rows.
  __device__ void attend() {
    for (int at = static_cast<int>(threadIdx.x); at < step_.head_size; at += kThreads) {
      float sums[kMostRowsTogether] = {};
      for (int cell = 0; cell < step_.cells; ++cell) {
        const float value = load_number<P>(step_.values, cell_offset(cell, step_.values) + at);
#pragma unroll
        for (int row = 0; row < kMostRowsTogether; ++row) {
          if (row < count_) sums[row] = fmaf(scores_[row * step_.cells + cell], value, sums[row]);
        }
      }
#pragma unroll
      for (int row = 0; row < kMostRowsTogether; ++row) {
        if (row < count_) store_number<P>(step_.attended, row_offset(row, step_.attended) + at, sums[row]);
      }
    }
    if (head_ + 1 < step_.heads) return;
    const int end = step_.heads * step_.head_size;
    for (int row = 0; row < count_; ++row) {
      const size_t begin = static_cast<size_t>(first_ + row) * static_cast<size_t>(step_.attended.stride);
      for (int at = end + static_cast<int>(threadIdx.x); at < step_.attended.stride; at += kThreads) {
        store_number<P>(step_.attended, begin + at, 0.0f);
      }
    }
  }

  const AttentionStep& step_;
  const int first_, count_, head_, lane_, warp_;
  const size_t first_cell_;
  float* queries_;
  float* scores_;
};

template <Precision P>
__global__ void __launch_bounds__(kThreads, 8) attention_kernel(const __grid_constant__ AttentionStep step) {
  DYNAMIC_SHARED(float, shared);
  begin_after_predecessor();
  const int group = static_cast<int>(blockIdx.x);
  const int first = step.first_row[group];
  const int rows = step.rows_of_group[group];
  const int image = step.image_of_group != nullptr ? step.image_of_group[group] : group;
  for (int row = 0; row < rows; row += step.rows_together) {
    HeadOfRows<P>(step, image, first + row, min(step.rows_together, rows - row), shared).run();
  }
}

}  // namespace

cudaError_t launch_attention_step(const DecodeStream& stream, int most_groups, AttentionStep step) {
  const int row_bytes = (step.cells + step.head_size) * static_cast<int>(sizeof(float));
  step.rows_together = std::min(kMostRowsTogether, kSharedBytesEverywhere / row_bytes);
  // Groups first: there may be more of them than a grid's second extent can count.
  const dim3 grid(static_cast<unsigned>(most_groups), static_cast<unsigned>(step.heads));
  const auto bytes = static_cast<size_t>(step.rows_together * row_bytes);
  return with_precision(stream.precision, [&](auto p) {
    return stream.launch(attention_kernel<p()>, grid, dim3(kThreads), bytes, step);
  });
}

}  // namespace showtell::cuda
