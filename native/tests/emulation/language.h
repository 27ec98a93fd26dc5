// The words that nvcc adds to C++: qualifiers, vector types, indices, shared arrays.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) __attribute__((aligned(n)))
#define __restrict__

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

#define CUDA_EMULATION_VECTOR(T, Name)                              \
  struct alignas(sizeof(T) * 2) Name##2 {                           \
    T x, y;                                                         \
  };                                                                \
  struct alignas(sizeof(T) * 4 > 16 ? 16 : sizeof(T) * 4) Name##4 { \
    T x, y, z, w;                                                   \
  };                                                                \
  inline Name##2 make_##Name##2(T x, T y) { return {x, y}; }        \
  inline Name##4 make_##Name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
CUDA_EMULATION_VECTOR(float, float)
CUDA_EMULATION_VECTOR(double, double)
CUDA_EMULATION_VECTOR(int, int)
CUDA_EMULATION_VECTOR(unsigned, uint)
#undef CUDA_EMULATION_VECTOR

// Set whenever a thread is resumed. Objects, not macros: a macro would break `config.blockDim`.
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
constexpr int warpSize = 32;

namespace cuda_emulation {

/// The block's dynamic shared memory, on a boundary of 1024 bytes.
void* dynamic_shared();
/// The block's array of this key: the same address for all its threads.
void* static_shared(const void* key, std::size_t bytes, std::size_t alignment);

}  // namespace cuda_emulation

#define SHARED(T, name, count)                                                                    \
  T* const name = [] {                                                                            \
    static char key;                                                                              \
    return static_cast<T*>(cuda_emulation::static_shared(&key, sizeof(T) * (count), alignof(T))); \
  }()
#define DYNAMIC_SHARED(T, name) T* const name = static_cast<T*>(cuda_emulation::dynamic_shared())
