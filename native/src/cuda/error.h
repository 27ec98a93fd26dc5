// What the CUDA runtime reports, as the native code's one exception.
#pragma once

#ifdef CUDA_EMULATION
#include "emulation/cuda_emulation.h"
#else
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#endif

#include <string>

#include "base/error.h"

namespace showtell::cuda {

/// The error as a sentence with a hint: `memory` where the device's memory is full, else `unavailable`.
Error to_error(cudaError_t error, const std::string& doing);

/// Throws unless `error` is cudaSuccess. `doing` completes "the device failed while ...".
inline void check(cudaError_t error, const char* doing = "running a kernel") {
  if (error != cudaSuccess) throw to_error(error, doing);
}

}  // namespace showtell::cuda
