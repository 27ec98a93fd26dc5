// What tests ask of the device they run on, beside the runtime. The emulation has schedules; a GPU has its own.
#pragma once

#ifdef CUDA_EMULATION
#include "emulation/cuda_emulation.h"
#else
namespace cuda_emulation {
inline void use_schedule(const char*) {}
}  // namespace cuda_emulation
#endif
