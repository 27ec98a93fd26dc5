// cp.async and wgmma: issued by a thread, landed when the schedule says, at the latest at the wait. Until then the
// destination of a copy holds 0xFF.
#pragma once

#include "emulation/groups.h"

namespace cuda_emulation {

/// What __cvta_generic_to_shared gives: the offset of an address in the block's shared window.
unsigned shared_offset(const void* address, const Place& place);
/// Back again; `bytes` must lie in the block's shared memory.
void* shared_pointer(unsigned offset, std::size_t bytes, const Place& place);

/// Copies `source_bytes` and fills up to `bytes` with zeros.
void async_copy(void* shared, const void* global, int bytes, int source_bytes, const Place& place);
void async_commit();
void async_wait(int pending_groups);
/// fence.proxy.async: what this thread wrote to shared memory becomes visible to wgmma.
void async_fence();

/// acc (64 x columns of a warpgroup) = a (64 x 16) * b (columns x 16)^T, plus acc where `accumulate`.
void wgmma(int columns, float* acc, std::uint64_t a, std::uint64_t b, int accumulate, const Place& place);
void wgmma_commit();
void wgmma_wait(int pending_groups);

/// Before it, a kernel that was launched to overlap its predecessor sees nothing of what that one wrote. Every thread
/// of such a kernel calls it: whoever waits for a kernel that did not wait has waited for nothing before that one.
void grid_dependency();

}  // namespace cuda_emulation

inline void cudaGridDependencySynchronize() { cuda_emulation::grid_dependency(); }
inline void cudaTriggerProgrammaticLaunchCompletion() {}
