// Atomics: relaxed, as on the device. A fence beside them orders memory between blocks.
#pragma once

#include <algorithm>
#include <type_traits>

namespace cuda_emulation {

void memory_fence();

template <typename T, typename Change>
T atomic_change(T* p, const Change& change) {
  T old;
  __atomic_load(p, &old, __ATOMIC_RELAXED);
  for (;;) {
    T next = change(old);
    if (__atomic_compare_exchange(p, &old, &next, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) return old;
  }
}
template <typename T>
using Same = std::common_type_t<T>;

}  // namespace cuda_emulation

template <typename T>
T atomicAdd(T* p, cuda_emulation::Same<T> value) {
  return cuda_emulation::atomic_change(p, [=](T old) { return static_cast<T>(old + value); });
}
template <typename T>
T atomicMax(T* p, cuda_emulation::Same<T> value) {
  return cuda_emulation::atomic_change(p, [=](T old) { return std::max(old, value); });
}
template <typename T>
T atomicMin(T* p, cuda_emulation::Same<T> value) {
  return cuda_emulation::atomic_change(p, [=](T old) { return std::min(old, value); });
}
template <typename T>
T atomicOr(T* p, cuda_emulation::Same<T> value) {
  return cuda_emulation::atomic_change(p, [=](T old) { return old | value; });
}
template <typename T>
T atomicExch(T* p, cuda_emulation::Same<T> value) {
  return cuda_emulation::atomic_change(p, [=](T) { return value; });
}
template <typename T>
T atomicCAS(T* p, cuda_emulation::Same<T> compare, cuda_emulation::Same<T> value) {
  return cuda_emulation::atomic_change(p, [=](T old) { return old == compare ? value : old; });
}
inline void __threadfence() { cuda_emulation::memory_fence(); }
inline void __threadfence_block() { cuda_emulation::memory_fence(); }
