// The one primitive of the emulation: the members of a group arrive, each with a payload; the last one acts on all
// payloads; then all go on. Shuffles, votes, ldmatrix, mma and barriers are that and a few lines each.
#pragma once

#include "emulation/language.h"
#include "emulation/place.h"

// Moving data between the lanes of one warp operation is no race, and no synchronisation either.
#define CUDA_EMULATION_QUIET __attribute__((no_sanitize("thread")))

namespace cuda_emulation {

struct Block;

struct Thread {
  uint3 thread, block_index;
  Block* block;
  int linear, warp, lane;  // linear: within the block
};
/// The running CUDA thread; null on the host.
extern Thread* self;

constexpr unsigned kFullWarp = ~0u;

/// Payloads come in the order of arrival: `lanes` says whose each is.
using Act = void (*)(void** payloads, const int* lanes, int count);
void warp_collective(unsigned mask, const char* what, const Place& place, void* payload, Act act);
/// A warp operation that orders memory as well (__syncwarp); the others do not, as on the device.
void warp_barrier(unsigned mask, const Place& place);
void block_barrier(const Place& place);

/// `payloads` by lane.
template <typename Payload>
CUDA_EMULATION_QUIET void by_lane(void** payloads, const int* lanes, int count, Payload** out) {
  for (int i = 0; i < count; ++i) out[lanes[i]] = static_cast<Payload*>(payloads[i]);
}

}  // namespace cuda_emulation

inline void __syncthreads(cuda_emulation::Place place = cuda_emulation::Place::here()) {
  cuda_emulation::block_barrier(place);
}
inline void __syncwarp(unsigned mask = cuda_emulation::kFullWarp,
                       cuda_emulation::Place place = cuda_emulation::Place::here()) {
  cuda_emulation::warp_barrier(mask, place);
}
