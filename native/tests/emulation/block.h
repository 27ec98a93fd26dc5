// A block that is running: its shared memory, barriers, warps and warpgroups.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "emulation/fibre.h"

namespace cuda_emulation {

constexpr int kWarpgroup = 128;

/// Threads that have arrived at one operation.
struct Group {
  unsigned generation = 0;  // changes when all have arrived
  unsigned mask = 0;
  int count = 0;
  const char* what = "";
  Place place;
  void* payloads[32];
  int lanes[32];
};

struct Warp {
  static constexpr int kMasks = 8;
  Group groups[kMasks];  // one for each mask in use
  int used = 0;
};

struct Wgmma {
  int columns = 0, accumulate = 0, arrived = 0;
  std::uint64_t a = 0, b = 0;
  bool done = false;
  float* accumulators[kWarpgroup] = {};
  Place place;
};

struct Warpgroup {
  std::vector<Wgmma> operations;
  unsigned generation = 0;  // changes when an operation has all its threads
};

/// The shared window: 1 KiB that nothing uses, dynamic memory, static arrays, a canary behind each.
struct Block {
  char* shared = nullptr;
  std::size_t top = 0;
  std::map<const void*, char*> static_arrays;
  std::vector<std::size_t> canaries;   // offsets
  std::vector<std::uint8_t> unfenced;  // per 16 bytes: written by cp.async, not yet fenced for wgmma
  std::vector<Warp> warps;
  std::vector<Warpgroup> warpgroups;
  Group barrier;
  int threads = 0, ended = 0;
};

/// Lays out a new block's shared memory, filled with 0xFF.
void begin_shared_memory(Block& block, std::size_t dynamic_bytes);
/// Ends the process where a canary has changed.
void end_shared_memory(const Block& block);

/// Ends the process where a thread's asynchronous work is still in flight.
void check_nothing_in_flight(const Fibre& fibre);

}  // namespace cuda_emulation
