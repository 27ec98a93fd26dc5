#include <algorithm>

#include "emulation/block.h"
#include "emulation/sanitizers.h"

namespace cuda_emulation {

namespace {

void arrive(Group& group, int expected, const char* what, const Place& place, void* payload, Act act, bool orders) {
  if (group.count > 0 && !(group.place == place && std::strcmp(group.what, what) == 0)) {
    fail(place, "threads diverge: %s here meets %s at %s:%d", what, group.what, group.place.file, group.place.line);
  }
  group.what = what;
  group.place = place;
  if (act != nullptr) {
    group.payloads[group.count] = payload;
    group.lanes[group.count] = self->lane;
  }
  ++group.count;
  if (orders) sanitizers::released(&group);
  if (group.count == expected) {
    group.count = 0;
    ++group.generation;
    if (act != nullptr) act(group.payloads, group.lanes, expected);
  } else {
    wait_for_change(group.generation, &group);
  }
  if (orders) sanitizers::acquired(&group);
}

/// The group of the running warp for this mask; masks of which nobody waits any more make room.
Group& group_of(unsigned mask, const Place& place) {
  Warp& warp = self->block->warps[static_cast<std::size_t>(self->warp)];
  for (int i = 0; i < warp.used; ++i) {
    if (warp.groups[i].mask == mask) return warp.groups[i];
  }
  int i = 0;
  while (i < warp.used && warp.groups[i].count > 0) ++i;
  if (i == Warp::kMasks) fail(place, "more than %d masks are in flight in one warp", Warp::kMasks);
  warp.used = std::max(warp.used, i + 1);
  warp.groups[i].mask = mask;
  return warp.groups[i];
}

void arrive_in_warp(unsigned mask, const char* what, const Place& place, void* payload, Act act, bool orders) {
  if ((mask >> self->lane & 1) == 0)
    fail(place, "%s by lane %d, which its own mask %08x leaves out", what, self->lane, mask);
  const int threads = std::min(32, self->block->threads - self->warp * 32);
  if (threads < 32) mask &= (1u << threads) - 1;
  arrive(group_of(mask, place), __builtin_popcount(mask), what, place, payload, act, orders);
}

}  // namespace

void warp_collective(unsigned mask, const char* what, const Place& place, void* payload, Act act) {
  arrive_in_warp(mask, what, place, payload, act, false);
}

void warp_barrier(unsigned mask, const Place& place) {
  arrive_in_warp(mask, "__syncwarp", place, nullptr, nullptr, true);
}

void block_barrier(const Place& place) {
  Block& block = *self->block;
  if (block.ended > 0) fail(place, "__syncthreads after %d threads of the block have ended", block.ended);
  arrive(block.barrier, block.threads, "__syncthreads", place, nullptr, nullptr, true);
}

}  // namespace cuda_emulation
