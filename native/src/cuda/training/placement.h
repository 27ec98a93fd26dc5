// Arrays laid out one after the other in one block of memory.
#pragma once

#include <cstdint>

#include "base/error.h"

namespace showtell::cuda {

/// Hands out places behind `base`; a null base only measures.
class Placement {
 public:
  explicit Placement(void* base) : base_(reinterpret_cast<std::uintptr_t>(base)) {}
  /// On a boundary of 256 bytes, as the device's own allocations.
  template <typename T>
  T* take(Index count) {
    const std::uintptr_t place = base_ + used_;
    const auto bytes = static_cast<std::uintptr_t>(count) * sizeof(T);
    used_ += (bytes + 255) / 256 * 256;
    return reinterpret_cast<T*>(place);
  }
  Index bytes() const { return static_cast<Index>(used_); }

 private:
  std::uintptr_t base_, used_ = 0;
};

}  // namespace showtell::cuda
