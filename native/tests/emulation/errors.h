// What runtime calls return.
#pragma once

#include "emulation/runtime_api.h"

namespace cuda_emulation {

/// Keeps an error for cudaGetLastError and hands it back.
cudaError_t remember(cudaError_t error);
cudaError_t pretended();

}  // namespace cuda_emulation

#define RETURN_IF_PRETENDED()                                               \
  do {                                                                      \
    const cudaError_t pretence = cuda_emulation::pretended();               \
    if (pretence != cudaSuccess) return cuda_emulation::remember(pretence); \
  } while (false)
