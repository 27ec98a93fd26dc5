// Sums and maxima over a warp or a block, in an order that never changes.
#pragma once

#include "cuda/launch.h"

namespace showtell::cuda {

constexpr int kWarp = 32;

/// All lanes of the warp take part; all get the sum.
template <typename T>
__device__ T warp_sum(T value) {
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2) value += __shfl_xor_sync(~0u, value, distance);
  return value;
}
inline __device__ float warp_maximum(float value) {
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    value = fmaxf(value, __shfl_xor_sync(~0u, value, distance));
  }
  return value;
}

/// All `Threads` threads of a one-dimensional block take part; all get the sum. `scratch`: Threads / 32 values that
/// nobody else uses between the barriers inside.
template <int Threads, typename T>
__device__ T block_sum(T value, T* scratch) {
  value = warp_sum(value);
  if (threadIdx.x % kWarp == 0) scratch[threadIdx.x / kWarp] = value;
  __syncthreads();
  T total = scratch[0];
#pragma unroll
  for (int warp = 1; warp < Threads / kWarp; ++warp) total += scratch[warp];
  __syncthreads();
  return total;
}
template <int Threads>
__device__ float block_maximum(float value, float* scratch) {
  value = warp_maximum(value);
  if (threadIdx.x % kWarp == 0) scratch[threadIdx.x / kWarp] = value;
  __syncthreads();
  float most = scratch[0];
#pragma unroll
  for (int warp = 1; warp < Threads / kWarp; ++warp) most = fmaxf(most, scratch[warp]);
  __syncthreads();
  return most;
}

}  // namespace showtell::cuda
