#include "emulation/fibre.h"

#include <sys/mman.h>

#include "emulation/sanitizers.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace cuda_emulation {

Thread* self = nullptr;

namespace {

constexpr std::size_t kStackBytes = 256 << 10, kPage = 4096;
constexpr unsigned kSwitchWithoutSynchronisation = 1;

Fibre host;
#if defined(__SANITIZE_ADDRESS__)
const void* host_stack = nullptr;
std::size_t host_stack_bytes = 0;
#endif

std::vector<Fibre*>& all_fibres() {
  static auto& fibres = *new std::vector<Fibre*>;  // never destroyed: a failure may end the process anywhere
  return fibres;
}

#if defined(__x86_64__)
// Saves the registers that a call must keep and changes stacks: System V ABI, section 3.2.1.
extern "C" void cuda_emulation_switch(void** from, void* to);
asm(R"(.text
.globl cuda_emulation_switch
.hidden cuda_emulation_switch
.type cuda_emulation_switch,@function
cuda_emulation_switch:
  push %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rsp,(%rdi)
  mov %rsi,%rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  ret
)");
#endif

/// First thing on a stack that was switched to.
void arrived([[maybe_unused]] Fibre* fibre) {
#if defined(__SANITIZE_ADDRESS__)
  const void* from = nullptr;
  std::size_t bytes = 0;
  __sanitizer_finish_switch_fiber(fibre->asan, &from, &bytes);
  if (fibre != &host) {
    host_stack = from;
    host_stack_bytes = bytes;
  }
#endif
}

void switch_stacks(Fibre* from, Fibre* to) {
  if (sanitizers::watches_threads()) __tsan_switch_to_fiber(to->tsan, kSwitchWithoutSynchronisation);
#if defined(__SANITIZE_ADDRESS__)
  const bool to_host = to == &host;
  __sanitizer_start_switch_fiber(&from->asan, to_host ? host_stack : to->stack,
                                 to_host ? host_stack_bytes : kStackBytes);
#endif
#if defined(__x86_64__)
  cuda_emulation_switch(&from->stack_pointer, to->stack_pointer);
#else
  swapcontext(&from->context, &to->context);
#endif
  arrived(from);
}

void (*fibre_body)() = nullptr;

void begin() {
  arrived(current_fibre());
  fibre_body();
}

}  // namespace

Fibre* make_fibre(void (*body)()) {
  fibre_body = body;
  auto* fibre = new Fibre;
  void* memory =
      mmap(nullptr, kStackBytes + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) fail("there is no memory for the stack of another thread");
  mprotect(memory, kPage, PROT_NONE);
  fibre->stack = static_cast<char*>(memory) + kPage;
  if (sanitizers::watches_threads()) fibre->tsan = __tsan_create_fiber(0);
#if defined(__x86_64__)
  // The six registers that a switch pops, the address it returns to, and none behind that.
  void** top = reinterpret_cast<void**>(fibre->stack + kStackBytes) - 2;
  top[0] = reinterpret_cast<void*>(begin);
  top[1] = nullptr;
  fibre->stack_pointer = top - 6;
#else
  getcontext(&fibre->context);
  fibre->context.uc_stack.ss_sp = fibre->stack;
  fibre->context.uc_stack.ss_size = kStackBytes;
  makecontext(&fibre->context, begin, 0);
#endif
  all_fibres().push_back(fibre);
  return fibre;
}

void resume(Fibre* fibre) {
  if (sanitizers::watches_threads()) host.tsan = __tsan_get_current_fiber();
  self = fibre;
  threadIdx = fibre->thread;
  blockIdx = fibre->block_index;
  switch_stacks(&host, fibre);
  self = nullptr;
}

void suspend() { switch_stacks(current_fibre(), &host); }

void wait_for_change(const unsigned& word, const Group* group) {
  Fibre* fibre = current_fibre();
  fibre->waits_for = &word;
  fibre->waits_while = word;
  fibre->waits_at = group;
  suspend();
}

bool is_below_a_stack(const void* address) {
  for (const Fibre* fibre : all_fibres()) {
    const auto* p = static_cast<const char*>(address);
    if (p >= fibre->stack - kPage && p < fibre->stack) return true;
  }
  return false;
}

}  // namespace cuda_emulation
