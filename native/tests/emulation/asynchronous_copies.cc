#include "emulation/asynchronous.h"
#include "emulation/block.h"
#include "emulation/sanitizers.h"
#include "emulation/schedule.h"

namespace cuda_emulation {

namespace {

void land(const AsyncCopy& copy) {
  sanitizers::read(copy.from, static_cast<std::size_t>(copy.source_bytes));
  sanitizers::written(copy.to, static_cast<std::size_t>(copy.bytes));
  const sanitizers::Quiet quiet;
  std::memcpy(copy.to, copy.from, static_cast<std::size_t>(copy.source_bytes));
  std::memset(copy.to + copy.source_bytes, 0, static_cast<std::size_t>(copy.bytes - copy.source_bytes));
  const unsigned piece = shared_offset(copy.to, copy.place) / 16;
  self->block->unfenced[piece] = 1;
  current_fibre()->unfenced.push_back(piece);
}

}  // namespace

void async_copy(void* shared, const void* global, int bytes, int source_bytes, const Place& place) {
  const auto misaligned = [&](const void* p) {
    return reinterpret_cast<std::uintptr_t>(p) % static_cast<unsigned>(bytes);
  };
  if (misaligned(shared) != 0 || misaligned(global) != 0)
    fail(place, "an address of cp.async is not a multiple of %d", bytes);
  shared_pointer(shared_offset(shared, place), static_cast<std::size_t>(bytes), place);
  Fibre* fibre = current_fibre();
  const AsyncCopy copy{
      static_cast<char*>(shared), static_cast<const char*>(global), bytes, source_bytes, fibre->copy_group, place};
  if (lands_now()) return land(copy);
  sanitizers::written(shared, static_cast<std::size_t>(bytes));
  const sanitizers::Quiet quiet;
  std::memset(shared, 0xFF, static_cast<std::size_t>(bytes));
  fibre->copies.push_back(copy);
}

void async_commit() { ++current_fibre()->copy_group; }

void async_wait(int pending_groups) {
  Fibre* fibre = current_fibre();
  std::size_t kept = 0;
  for (std::size_t i = 0; i < fibre->copies.size(); ++i) {
    const AsyncCopy copy = fibre->copies[i];
    if (copy.group < fibre->copy_group - pending_groups) {
      land(copy);
    } else {
      fibre->copies[kept++] = copy;
    }
  }
  fibre->copies.resize(kept);
}

void async_fence() {
  const sanitizers::Quiet quiet;
  for (const unsigned piece : current_fibre()->unfenced) self->block->unfenced[piece] = 0;
  current_fibre()->unfenced.clear();
}

void check_nothing_in_flight(const Fibre& fibre) {
  if (!fibre.copies.empty()) fail(fibre.copies[0].place, "a thread ended with this asynchronous copy in flight");
  if (fibre.wgmma_waited < fibre.wgmma_issued) {
    const Warpgroup& group = fibre.block->warpgroups[static_cast<std::size_t>(fibre.linear / kWarpgroup)];
    fail(group.operations[fibre.wgmma_waited].place, "a thread ended without waiting for this wgmma");
  }
}

}  // namespace cuda_emulation
