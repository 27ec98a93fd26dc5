#include <sys/mman.h>

#include "emulation/asynchronous.h"
#include "emulation/block.h"
#include "emulation/sanitizers.h"

namespace cuda_emulation {

namespace {

constexpr std::size_t kReserved = 1024, kStaticLimit = 48 << 10, kCanaryBytes = 64, kPage = 4096;
constexpr std::size_t kWindow = (256 << 10) + (64 << 10);
constexpr unsigned char kCanary = 0xA5;

void add_canary(Block& block) {
  std::memset(block.shared + block.top, kCanary, kCanaryBytes);
  sanitizers::forbid(block.shared + block.top, kCanaryBytes);
  block.canaries.push_back(block.top);
  block.top += kCanaryBytes;
}

}  // namespace

void begin_shared_memory(Block& block, std::size_t dynamic_bytes) {
  const int protection = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS;
  if (block.shared == nullptr) {
    void* window = mmap(nullptr, kWindow, protection, flags, -1, 0);
    if (window == MAP_FAILED) fail("there is no memory for a block's shared memory");
    block.shared = static_cast<char*>(window);
  } else if (sanitizers::watches_threads()) {
    // A new mapping, so that who touched it in another block is forgotten.
    mmap(block.shared, (block.top + kPage - 1) / kPage * kPage, protection, flags | MAP_FIXED, -1, 0);
  }
  block.unfenced.assign(kWindow / 16, 0);
  block.canaries.clear();
  block.static_arrays.clear();
  sanitizers::allow(block.shared, kWindow);
  std::memset(block.shared + kReserved, 0xFF, dynamic_bytes);
  sanitizers::forbid(block.shared, kReserved);
  block.top = kReserved + (dynamic_bytes + 15) / 16 * 16;
  sanitizers::forbid(block.shared + kReserved + dynamic_bytes, block.top - kReserved - dynamic_bytes);
  add_canary(block);
}

void end_shared_memory(const Block& block) {
  sanitizers::allow(block.shared, kWindow);
  for (const std::size_t offset : block.canaries) {
    for (std::size_t i = 0; i < kCanaryBytes; ++i) {
      if (static_cast<unsigned char>(block.shared[offset + i]) != kCanary)
        fail("a block wrote past the end of a shared array, %zu bytes behind offset %zu", i, offset - kReserved);
    }
  }
}

void* dynamic_shared() { return self->block->shared + kReserved; }

void* static_shared(const void* key, std::size_t bytes, std::size_t alignment) {
  const sanitizers::Quiet quiet;
  Block& block = *self->block;
  char*& array = block.static_arrays[key];
  if (array != nullptr) return array;
  if (bytes > kStaticLimit) fail("a static shared array of %zu bytes is larger than 48 KiB", bytes);
  block.top = (block.top + alignment - 1) / alignment * alignment;
  if (block.top + bytes + 2 * kCanaryBytes > kWindow)
    fail("the block's shared arrays are larger than its shared memory");
  array = block.shared + block.top;
  std::memset(array, 0xFF, bytes);
  block.top = (block.top + bytes + 15) / 16 * 16;
  add_canary(block);
  return array;
}

unsigned shared_offset(const void* address, const Place& place) {
  const std::ptrdiff_t offset = static_cast<const char*>(address) - self->block->shared;
  if (offset < 0 || offset >= static_cast<std::ptrdiff_t>(kWindow))
    fail(place, "the address %p is not in the block's shared memory", address);
  return static_cast<unsigned>(offset);
}

void* shared_pointer(unsigned offset, std::size_t bytes, const Place& place) {
  if (offset < kReserved || offset + bytes > self->block->top - kCanaryBytes)
    fail(place, "the shared address %u is outside the block's shared memory", offset);
  return self->block->shared + offset;
}

}  // namespace cuda_emulation
