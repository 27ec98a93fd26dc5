#include "emulation/device_memory.h"

#include <signal.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "emulation/errors.h"
#include "emulation/fibre.h"
#include "emulation/sanitizers.h"
#include "emulation/schedule.h"
#include "emulation/streams.h"

namespace cuda_emulation {

namespace {

constexpr std::size_t kPage = 4096, kAlignment = 256, kArenaBytes = std::size_t{64} << 30;
constexpr std::size_t kMostHostBytes = std::size_t{1} << 38;

struct Buffer {
  char* base;  // of its pages
  std::size_t bytes, mapped;
};
// Addresses are never used again: what a stale pointer names stays unmapped.
char *arena = nullptr, *arena_top = nullptr;
std::size_t used = 0;
bool is_open = false;

std::map<char*, Buffer>& buffers() {
  static auto& all = *new std::map<char*, Buffer>;
  return all;
}

void protect_all(int protection) {
  if (!schedule().guard_device_memory) return;
  for (const auto& [address, buffer] : buffers()) mprotect(buffer.base, buffer.mapped, protection);
}

/// One line in place of a crash.
void explain_fault(int, siginfo_t* info, void*) {
  const void* address = info->si_addr;
  if (is_below_a_stack(address)) fail("a thread's stack is full");
  if (is_device_address(address)) {
    if (!is_open) fail("the host touches device memory at %p", address);
    fail("an access at %p is outside of every device buffer", address);
  }
  if (self != nullptr) fail("an access at %p is misaligned or not to device memory", address);
  signal(SIGSEGV, SIG_DFL);
  raise(SIGSEGV);
}

void install_fault_handler() {
  static char stack[64 << 10];  // the faulting fibre's own may be full
  stack_t alternative = {};
  alternative.ss_sp = stack;
  alternative.ss_size = sizeof stack;
  sigaltstack(&alternative, nullptr);
  struct sigaction action = {};
  action.sa_sigaction = explain_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &action, nullptr);
  sigaction(SIGBUS, &action, nullptr);
}

bool reserve_arena() {
  if (arena != nullptr) return true;
  void* memory = mmap(nullptr, kArenaBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return false;
  arena = arena_top = static_cast<char*>(memory);
  install_fault_handler();
  return true;
}

}  // namespace

bool is_device_address(const void* p) {
  const auto* address = static_cast<const char*>(p);
  return arena != nullptr && address >= arena && address < arena + kArenaBytes;
}

void check_device_span(const char* what, const void* p, std::size_t bytes) {
  if (!is_device_address(p)) fail("%s: %p is not a device address", what, p);
  auto next = buffers().upper_bound(static_cast<char*>(const_cast<void*>(p)));
  if (next == buffers().begin()) fail("%s: %p is in no live device buffer", what, p);
  const auto& [start, buffer] = *--next;
  const std::size_t offset = static_cast<std::size_t>(static_cast<const char*>(p) - start);
  if (offset > buffer.bytes) fail("%s: %p is in no live device buffer", what, p);
  if (offset + bytes > buffer.bytes)
    fail("%s: %zu bytes run past the end of a device buffer of %zu", what, bytes, buffer.bytes);
}

void open_device_memory() {
  if (is_open) return;
  is_open = true;
  protect_all(PROT_READ | PROT_WRITE);
}

void close_device_memory() {
  is_open = false;
  protect_all(PROT_NONE);
}

std::size_t device_bytes() { return used; }

}  // namespace cuda_emulation

using namespace cuda_emulation;

cudaError_t cudaMalloc(void** p, std::size_t bytes) {
  RETURN_IF_PRETENDED();
  if (is_recording()) return remember(cudaErrorStreamCaptureUnsupported);
  const std::size_t room = (std::max<std::size_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
  const std::size_t mapped = (room + kPage - 1) / kPage * kPage;
  if (used + bytes > schedule().memory_limit || !reserve_arena() || arena_top + mapped + kPage > arena + kArenaBytes)
    return remember(cudaErrorMemoryAllocation);
  char* base = arena_top;
  arena_top += mapped + kPage;
  char* start = base + mapped - room;
  mprotect(base, mapped, PROT_READ | PROT_WRITE);
  std::memset(base, 0xFF, mapped);
  sanitizers::forbid(base, mapped);
  sanitizers::allow(start, bytes);
  buffers()[start] = {base, bytes, mapped};
  used += bytes;
  if (schedule().guard_device_memory && !is_open) mprotect(base, mapped, PROT_NONE);
  *p = start;
  return cudaSuccess;
}

cudaError_t cudaFree(void* p) {
  if (p == nullptr) return cudaSuccess;
  const cudaError_t waited = cudaDeviceSynchronize();
  const auto found = buffers().find(static_cast<char*>(p));
  if (found == buffers().end()) return remember(cudaErrorInvalidValue);
  const Buffer& buffer = found->second;
  madvise(buffer.base, buffer.mapped, MADV_DONTNEED);
  mprotect(buffer.base, buffer.mapped, PROT_NONE);
  sanitizers::forbid(buffer.base, buffer.mapped);
  used -= buffer.bytes;
  buffers().erase(found);
  return waited;
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  RETURN_IF_PRETENDED();
  *total = schedule().memory_limit;
  *free = *total - std::min(used, *total);
  return cudaSuccess;
}

cudaError_t cudaMallocHost(void** p, std::size_t bytes) {
  RETURN_IF_PRETENDED();
  if (is_recording()) return remember(cudaErrorStreamCaptureUnsupported);
  // Sanitizers end the process where malloc would refuse.
  *p = bytes < kMostHostBytes ? std::malloc(std::max<std::size_t>(bytes, 1)) : nullptr;
  return *p != nullptr ? cudaSuccess : remember(cudaErrorMemoryAllocation);
}

cudaError_t cudaFreeHost(void* p) {
  const cudaError_t waited = cudaDeviceSynchronize();
  std::free(p);
  return waited;
}
