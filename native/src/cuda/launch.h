// A kernel launch, the same text for nvcc and for the emulation. Kernels take one struct by value: parameters are
// copied when a launch is recorded.
#pragma once

#ifdef CUDA_EMULATION
#include "emulation/cuda_emulation.h"
#else
#include <cuda_fp16.h>
#include <cuda_runtime.h>
/// Shared arrays of a block, as the emulation defines them as well. No array of a header function without a name of its
/// own; no pointer kept from block to block.
#define SHARED(T, name, count) __shared__ T name[count]
#define DYNAMIC_SHARED(T, name)                                   \
  extern __shared__ __align__(1024) unsigned char name##_bytes[]; \
  T* const name = reinterpret_cast<T*>(name##_bytes)
#endif

#include <cstddef>

namespace showtell::cuda {

/// `shared`: bytes of dynamic shared memory; beyond 48 KiB the kernel must have opted in (allow_shared).
template <typename... Parameters, typename... Arguments>
[[nodiscard]] cudaError_t launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared,
                                 cudaStream_t stream, Arguments... arguments) {
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared;
  config.stream = stream;
  return cudaLaunchKernelEx(&config, kernel, Parameters(arguments)...);
}

/// A launch that may begin before its predecessor in the stream has ended: the kernel calls wait_for_predecessor()
/// before it touches anything that one wrote.
template <typename... Parameters, typename... Arguments>
[[nodiscard]] cudaError_t launch_overlapping(void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared,
                                             cudaStream_t stream, Arguments... arguments) {
  cudaLaunchAttribute overlap = {};
  overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  overlap.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared;
  config.stream = stream;
  config.attrs = &overlap;
  config.numAttrs = 1;
  return cudaLaunchKernelEx(&config, kernel, Parameters(arguments)...);
}

/// Lets a kernel ask for more than 48 KiB of dynamic shared memory.
template <typename... Parameters>
[[nodiscard]] cudaError_t allow_shared(void (*kernel)(Parameters...), std::size_t bytes) {
  return cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes));
}

}  // namespace showtell::cuda
