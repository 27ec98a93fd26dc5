#include "emulation/grid.h"

#include <algorithm>

#include "emulation/asynchronous.h"
#include "emulation/atomics.h"
#include "emulation/block.h"
#include "emulation/sanitizers.h"
#include "emulation/schedule.h"

namespace cuda_emulation {

namespace {

// Marks of happens-before: host to kernel, kernel to what follows it, and between fences of blocks.
int from_host, from_kernels, from_fences;
const std::function<void()>* kernel_body = nullptr;
bool kernel_overlaps = false;

/// What every fibre does for ever: one thread of a kernel after the other.
void thread_body() {
  for (;;) {
    sanitizers::acquired(&from_host);
    if (!kernel_overlaps) sanitizers::acquired(&from_kernels);
    (*kernel_body)();
    Fibre* fibre = current_fibre();
    check_nothing_in_flight(*fibre);
    if (kernel_overlaps && !fibre->has_waited)
      fail("a thread of an overlapping launch ended without waiting for the kernel before it");
    const Group& barrier = fibre->block->barrier;
    if (barrier.count > 0) fail(barrier.place, "%s waits for a thread that has ended", barrier.what);
    fibre->done = true;
    ++fibre->block->ended;
    sanitizers::released(&from_kernels);
    suspend();
  }
}

std::vector<Fibre*> take_fibres(std::size_t count) {
  static auto& pool = *new std::vector<Fibre*>;
  while (pool.size() < count) pool.push_back(make_fibre(thread_body));
  return {pool.begin(), pool.begin() + static_cast<std::ptrdiff_t>(count)};
}

std::vector<Block*> take_blocks(std::size_t count) {
  static auto& pool = *new std::vector<Block*>;
  while (pool.size() < count) pool.push_back(new Block);
  return {pool.begin(), pool.begin() + static_cast<std::ptrdiff_t>(count)};
}

void prepare_block(Block& block, int threads, std::size_t dynamic_bytes) {
  begin_shared_memory(block, dynamic_bytes);
  block.warps.assign(static_cast<std::size_t>((threads + 31) / 32), Warp());
  block.warpgroups.assign(static_cast<std::size_t>((threads + kWarpgroup - 1) / kWarpgroup), Warpgroup());
  block.barrier = Group();
  block.threads = threads;
  block.ended = 0;
}

void prepare_thread(Fibre& fibre, Block& block, const uint3& block_index, int linear) {
  const auto t = static_cast<unsigned>(linear);
  fibre.thread = {t % blockDim.x, t / blockDim.x % blockDim.y, t / (blockDim.x * blockDim.y)};
  fibre.block_index = block_index;
  fibre.block = &block;
  fibre.linear = linear;
  fibre.warp = linear / 32;
  fibre.lane = linear % 32;
  fibre.done = false;
  fibre.waits_for = nullptr;
  fibre.copy_group = 0;
  fibre.has_waited = false;
  fibre.wgmma_issued = fibre.wgmma_waited = 0;
  fibre.wgmma_groups.clear();
  fibre.unfenced.clear();
}

template <typename Element>
void shuffle_elements(std::vector<Element>& elements) {
  for (std::size_t i = elements.size(); i > 1; --i) std::swap(elements[i - 1], elements[random_bits() % i]);
}

[[noreturn]] void report_deadlock(const std::vector<Fibre*>& fibres, int left) {
  for (Fibre* fibre : fibres) {
    if (fibre->done) continue;
    self = fibre;
    const Group* group = fibre->waits_at;
    if (group == nullptr) fail("deadlock: %d threads wait, this one for a wgmma that others never issue", left);
    fail(group->place, "deadlock: %d threads wait, %d of them at this %s (mask %08x)", left, group->count, group->what,
         group->mask);
  }
  fail("deadlock: no thread is left");
}

/// Resumes threads in the schedule's order until all have ended.
void run_threads(const std::vector<Fibre*>& fibres) {
  const bool random = schedule().order == Schedule::Order::random;
  std::vector<std::size_t> order(fibres.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  if (schedule().order == Schedule::Order::backward) std::reverse(order.begin(), order.end());
  std::vector<char> stalled((fibres.size() + 31) / 32, 0);
  auto left = static_cast<int>(fibres.size());
  bool idle = false;  // the last round moved nothing: perhaps because all that could run were stalled
  while (left > 0) {
    if (random) {
      shuffle_elements(order);
      for (char& warp : stalled) warp = static_cast<char>(!idle && (random_bits() & 1) != 0);
    }
    bool moved = false;
    for (const std::size_t i : order) {
      Fibre* fibre = fibres[i];
      const bool waits = fibre->waits_for != nullptr && *fibre->waits_for == fibre->waits_while;
      if (fibre->done || waits || stalled[i / 32] != 0) continue;
      fibre->waits_for = nullptr;
      resume(fibre);
      moved = true;
      if (fibre->done) --left;
    }
    if (!moved && (idle || !random)) report_deadlock(fibres, left);
    idle = !moved;
  }
}

void run_blocks(const std::vector<uint3>& indices, std::size_t dynamic_bytes) {
  const auto threads = static_cast<int>(blockDim.x * blockDim.y * blockDim.z);
  const std::vector<Block*> blocks = take_blocks(indices.size());
  const std::vector<Fibre*> fibres = take_fibres(indices.size() * static_cast<std::size_t>(threads));
  {
    const sanitizers::Quiet quiet;
    std::size_t next = 0;
    for (std::size_t b = 0; b < indices.size(); ++b) {
      prepare_block(*blocks[b], threads, dynamic_bytes);
      for (int t = 0; t < threads; ++t) prepare_thread(*fibres[next++], *blocks[b], indices[b], t);
    }
  }
  sanitizers::released(&from_host);
  run_threads(fibres);
  for (const Block* block : blocks) end_shared_memory(*block);
}

}  // namespace

void run_grid(dim3 grid, dim3 block, std::size_t dynamic_bytes, bool overlaps, const std::function<void()>& body) {
  gridDim = grid;
  blockDim = block;
  kernel_body = &body;
  kernel_overlaps = overlaps;
  std::vector<uint3> indices;
  for (unsigned z = 0; z < grid.z; ++z) {
    for (unsigned y = 0; y < grid.y; ++y) {
      for (unsigned x = 0; x < grid.x; ++x) indices.push_back({x, y, z});
    }
  }
  if (schedule().order == Schedule::Order::backward) std::reverse(indices.begin(), indices.end());
  if (schedule().order == Schedule::Order::random) shuffle_elements(indices);
  const auto resident = static_cast<std::size_t>(schedule().resident_blocks);
  for (std::size_t first = 0; first < indices.size(); first += resident) {
    const std::size_t last = std::min(indices.size(), first + resident);
    run_blocks(
        {indices.begin() + static_cast<std::ptrdiff_t>(first), indices.begin() + static_cast<std::ptrdiff_t>(last)},
        dynamic_bytes);
  }
}

void acquire_kernels() { sanitizers::acquired(&from_kernels); }
void grid_dependency() {
  current_fibre()->has_waited = true;
  sanitizers::acquired(&from_kernels);
}

// The usual protocol of a last block: write, fence, count; count, fence, read.
void memory_fence() {
  sanitizers::released(&from_fences);
  sanitizers::acquired(&from_fences);
}

}  // namespace cuda_emulation
