// wgmma.mma_async.m64nNk16 with float accumulators: PTX ISA, "Asynchronous Warpgroup Level Matrix Instructions".
#include "emulation/asynchronous.h"
#include "emulation/block.h"
#include "emulation/half_precision.h"
#include "emulation/sanitizers.h"
#include "emulation/schedule.h"

namespace cuda_emulation {

namespace {

constexpr int kRows = 64, kDepth = 16, kMostColumns = 256;

Warpgroup& warpgroup() { return self->block->warpgroups[static_cast<std::size_t>(self->linear / kWarpgroup)]; }

/// rows x 16 out of shared memory: K-major, rows of 128 bytes, 16-byte pieces swizzled by the row.
void read_tile(std::uint64_t descriptor, int rows, float* out, const Place& place) {
  const unsigned start = (descriptor & 0x3FFF) << 4, stride = (descriptor >> 32 & 0x3FFF) << 4;
  if (descriptor >> 62 != 1 || (descriptor >> 49 & 7) != 0)
    fail(place, "only wgmma descriptors with a swizzle of 128 bytes and no base offset are emulated");
  for (int row = 0; row < rows; ++row) {
    for (int k = 0; k < kDepth; k += 8) {
      unsigned offset = start + static_cast<unsigned>(row) / 8 * stride + static_cast<unsigned>(row % 8 * 128 + k * 2);
      offset ^= (offset >> 7 & 7) << 4;
      if (self->block->unfenced[offset / 16] != 0)
        fail(place, "wgmma reads shared memory that cp.async wrote without fence.proxy.async");
      const auto* halves = static_cast<const std::uint16_t*>(shared_pointer(offset, 16, place));
      sanitizers::read(halves, 16);
      for (int e = 0; e < 8; ++e) out[row * kDepth + k + e] = from_half_bits(halves[e]);
    }
  }
}

void run(Wgmma& operation) {
  static float a[kRows * kDepth], b[kMostColumns * kDepth], sums[kMostColumns];
  read_tile(operation.a, kRows, a, operation.place);
  read_tile(operation.b, operation.columns, b, operation.place);
  const sanitizers::Quiet quiet;
  for (int row = 0; row < kRows; ++row) {
    for (int column = 0; column < operation.columns; ++column) {
      float sum = 0;
      for (int k = 0; k < kDepth; ++k) sum += a[row * kDepth + k] * b[column * kDepth + k];
      sums[column] = sum;
    }
    for (int column = 0; column < operation.columns; ++column) {
      const int thread = row / 16 * 32 + row % 8 * 4 + column % 8 / 2;
      float& out = operation.accumulators[thread][column / 8 * 4 + row % 16 / 8 * 2 + column % 2];
      out = (operation.accumulate != 0 ? out : 0.0f) + sums[column];
    }
  }
  operation.done = true;
}

/// Adds the running thread to its next operation; true when that has all its threads and lands at once.
bool join(int columns, float* acc, std::uint64_t a, std::uint64_t b, int accumulate, const Place& place) {
  const sanitizers::Quiet quiet;
  Warpgroup& group = warpgroup();
  const std::size_t index = current_fibre()->wgmma_issued++;
  if (index == group.operations.size()) {
    Wgmma operation;
    operation.columns = columns;
    operation.accumulate = accumulate;
    operation.a = a;
    operation.b = b;
    operation.place = place;
    group.operations.push_back(operation);
  }
  Wgmma& operation = group.operations[index];
  if (operation.a != a || operation.b != b || operation.columns != columns || operation.accumulate != accumulate)
    fail(place, "the threads of a warpgroup give wgmma different operands");
  operation.accumulators[self->linear % kWarpgroup] = acc;
  if (++operation.arrived < kWarpgroup) return false;
  ++group.generation;
  return lands_now();
}

}  // namespace

void wgmma(int columns, float* acc, std::uint64_t a, std::uint64_t b, int accumulate, const Place& place) {
  if (!join(columns, acc, a, b, accumulate, place)) return;
  std::vector<Wgmma>& operations = warpgroup().operations;
  for (std::size_t i = 0; i < current_fibre()->wgmma_issued; ++i) {
    if (!operations[i].done) run(operations[i]);
  }
}

void wgmma_commit() {
  const sanitizers::Quiet quiet;
  current_fibre()->wgmma_groups.push_back(current_fibre()->wgmma_issued);
}

void wgmma_wait(int pending_groups) {
  Fibre* fibre = current_fibre();
  const auto groups = static_cast<std::ptrdiff_t>(fibre->wgmma_groups.size()) - pending_groups;
  if (groups <= 0) return;
  const std::size_t wanted = fibre->wgmma_groups[static_cast<std::size_t>(groups - 1)];
  for (std::size_t i = 0; i < wanted; ++i) {
    // The others may add operations while this thread waits: no reference is kept.
    while (warpgroup().operations[i].arrived < kWarpgroup) wait_for_change(warpgroup().generation, nullptr);
    if (!warpgroup().operations[i].done) run(warpgroup().operations[i]);
  }
  fibre->wgmma_waited = std::max(fibre->wgmma_waited, wanted);
}

}  // namespace cuda_emulation
