// Running a grid: all threads of its blocks, a few blocks at a time.
#pragma once

#include <functional>

#include "emulation/language.h"

namespace cuda_emulation {

/// `overlaps`: launched with programmatic serialisation, so that it is not ordered behind its predecessor by itself.
void run_grid(dim3 grid, dim3 block, std::size_t dynamic_bytes, bool overlaps, const std::function<void()>& body);

/// Orders what kernels have written before what the host, a copy or a later kernel does.
void acquire_kernels();

}  // namespace cuda_emulation
