// A CUDA thread as a fibre: its own stack, resumed by the host, running until it suspends itself.
#pragma once

#include <vector>

#include "emulation/groups.h"

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace cuda_emulation {

struct Group;

struct AsyncCopy {
  char* to;
  const char* from;
  int bytes, source_bytes, group;
  Place place;
};

struct Fibre : Thread {
  bool done = true;
  // It goes on when this word no longer has this value.
  const unsigned* waits_for = nullptr;
  unsigned waits_while = 0;
  const Group* waits_at = nullptr;
  // Its asynchronous work.
  std::vector<AsyncCopy> copies;
  int copy_group = 0;
  bool has_waited = false;  // for the kernel before its own
  std::size_t wgmma_issued = 0, wgmma_waited = 0;
  std::vector<std::size_t> wgmma_groups;  // issued so far at each commit
  std::vector<unsigned> unfenced;         // 16-byte pieces of shared memory, written and not yet fenced

  // Execution.
  char* stack = nullptr;
  void* tsan = nullptr;
  void* asan = nullptr;
#if defined(__x86_64__)
  void* stack_pointer = nullptr;
#else
  ucontext_t context;
#endif
};

/// The running fibre, whose `self` is set.
inline Fibre* current_fibre() { return static_cast<Fibre*>(self); }

/// A fibre that runs `body` when it is first resumed; body never returns.
Fibre* make_fibre(void (*body)());
/// From the host: runs the fibre until it suspends itself.
void resume(Fibre* fibre);
/// From a fibre: back to the host.
void suspend();
/// Suspends until `word` changes.
void wait_for_change(const unsigned& word, const Group* group);
/// Whether the address lies in the unmapped page below a fibre's stack.
bool is_below_a_stack(const void* address);

}  // namespace cuda_emulation
