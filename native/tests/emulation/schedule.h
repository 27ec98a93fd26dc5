// What a run is free to choose, as words in the variable CUDA_EMULATION or from a test: "random late seed=3 blocks=2".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace cuda_emulation {

struct Schedule {
  enum class Order { forward, backward, random };  // of threads, blocks and graph nodes; random stalls warps as well
  enum class Landing { early, late, mixed };       // asynchronous copies and wgmma: at issue, at the wait, either
  Order order = Order::forward;
  Landing landing = Landing::mixed;
  bool lazy_streams = true;              // "eager": stream work runs at once, not only when the host waits for it
  bool guard_device_memory = true;       // "noguard": the host may touch device memory
  int resident_blocks = 1;               // blocks=n: blocks whose threads take turns
  std::size_t shared_limit = 227 << 10;  // shared=KiB: what a block may opt in for
  std::size_t memory_limit = std::size_t{16} << 30;  // memory=MiB: of the device
  int capability = 90;                               // capability=75: what the device says it is
  std::uint64_t seed = 1;                            // seed=n
};

/// The schedule in force; at first that of the variable.
const Schedule& schedule();
/// Replaces it. No stream work may be pending. Unknown words end the process.
void use_schedule(const std::string& words);
std::uint64_t random_bits();
/// Asks the schedule whether an asynchronous operation completes at issue.
bool lands_now();

}  // namespace cuda_emulation
