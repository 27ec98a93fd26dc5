// What the sanitizers must be told: which fibre runs, what memory is whose, and which operations order memory. All of
// it is nothing in a program built without them. The emulation's own .cc files are never built with -fsanitize=thread:
// what they do between CUDA threads must not look like synchronisation.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

extern "C" {  // defined in a program linked with the thread sanitizer
__attribute__((weak)) void* __tsan_get_current_fiber();
__attribute__((weak)) void* __tsan_create_fiber(unsigned flags);
__attribute__((weak)) void __tsan_switch_to_fiber(void* fiber, unsigned flags);
__attribute__((weak)) void __tsan_acquire(void* address);
__attribute__((weak)) void __tsan_release(void* address);
__attribute__((weak)) void __tsan_ignore_thread_begin();
__attribute__((weak)) void __tsan_ignore_thread_end();
__attribute__((weak)) void __tsan_read_range(void* address, unsigned long bytes);
__attribute__((weak)) void __tsan_write_range(void* address, unsigned long bytes);
}

namespace cuda_emulation::sanitizers {

inline bool watches_threads() { return __tsan_create_fiber != nullptr; }
inline void released(void* mark) {
  if (__tsan_release != nullptr) __tsan_release(mark);
}
inline void acquired(void* mark) {
  if (__tsan_acquire != nullptr) __tsan_acquire(mark);
}
inline void read(const void* p, std::size_t bytes) {
  if (__tsan_read_range != nullptr) __tsan_read_range(const_cast<void*>(p), bytes);
}
inline void written(void* p, std::size_t bytes) {
  if (__tsan_write_range != nullptr) __tsan_write_range(p, bytes);
}

/// While it lives, what this thread touches is the emulation's own bookkeeping.
struct Quiet {
  Quiet() {
    if (__tsan_ignore_thread_begin != nullptr) __tsan_ignore_thread_begin();
  }
  ~Quiet() {
    if (__tsan_ignore_thread_end != nullptr) __tsan_ignore_thread_end();
  }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;
};

inline void forbid(const void* p, std::size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_poison_memory_region(p, bytes);
#else
  (void)p, (void)bytes;
#endif
}
inline void allow(const void* p, std::size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(p, bytes);
#else
  (void)p, (void)bytes;
#endif
}

}  // namespace cuda_emulation::sanitizers
