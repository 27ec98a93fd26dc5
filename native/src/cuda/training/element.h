// Element-wise kernels: activations are stored as float or half, all arithmetic is in float32. A block covers 8 rows of
// 32 threads; a thread handles kColumnsPerThread neighbouring columns of its row.
#pragma once

#include "cuda/error.h"
#include "cuda/launch.h"

namespace showtell::cuda {

constexpr int kElementRows = 8, kElementThreads = 32, kElementBlock = kElementRows * kElementThreads;
constexpr int kColumnsPerThread = 4;

inline __device__ float to_float(float x) { return x; }
inline __device__ float to_float(half x) { return __half2float(x); }
template <typename Real>
__device__ Real from_float(float x);
template <>
inline __device__ float from_float<float>(float x) {
  return x;
}
template <>
inline __device__ half from_float<half>(float x) {
  return __float2half_rn(x);
}

/// Rows as stored: half rows begin on 16 bytes, which the tensor cores' loads ask for.
template <typename Real>
Index row_stride(Index columns) {
  return sizeof(Real) == 2 ? (columns + 7) / 8 * 8 : columns;
}

/// Launches a kernel that needs no dynamic shared memory.
template <typename Args>
void start(void (*kernel)(Args), dim3 grid, dim3 block, cudaStream_t stream, const Args& args) {
  check(launch(kernel, grid, block, 0, stream, args));
}

inline unsigned blocks_for(Index count, Index per_block) {
  return static_cast<unsigned>((count + per_block - 1) / per_block);
}

/// The grid of an element-wise kernel whose threads handle `columns_per_thread` columns.
inline dim3 element_grid(Index rows, Index columns, int columns_per_thread = kColumnsPerThread) {
  return dim3(blocks_for(rows, kElementRows), blocks_for(columns, kElementThreads * columns_per_thread));
}
inline dim3 element_block() { return dim3(kElementThreads, kElementRows); }

inline __device__ int element_row() { return static_cast<int>(blockIdx.x * kElementRows + threadIdx.y); }
inline __device__ int element_column(int columns_per_thread = kColumnsPerThread) {
  return static_cast<int>((blockIdx.y * kElementThreads + threadIdx.x)) * columns_per_thread;
}

}  // namespace showtell::cuda
