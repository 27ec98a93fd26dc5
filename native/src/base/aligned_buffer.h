// A float array on a 64-byte boundary: one cache line, one AVX-512 vector.
#pragma once

#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "base/error.h"

namespace showtell {

constexpr Index kAlignment = 64;
constexpr Index kAlignedFloats = kAlignment / static_cast<Index>(sizeof(float));

inline Index round_up(Index value, Index multiple) { return (value + multiple - 1) / multiple * multiple; }

class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  /// Contents are undefined. Throws std::bad_alloc.
  explicit AlignedBuffer(Index size) : size_(size) {
    if (size == 0) return;
    const auto bytes = static_cast<std::size_t>(round_up(size, kAlignedFloats)) * sizeof(float);
    data_ = static_cast<float*>(::operator new (bytes, std::align_val_t{kAlignment}));
  }
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;
  ~AlignedBuffer() {
    if (data_ != nullptr) ::operator delete (data_, std::align_val_t{kAlignment});
  }

  static AlignedBuffer zeros(Index size) {
    AlignedBuffer buffer(size);
    buffer.clear();
    return buffer;
  }
  void clear() {
    if (size_ > 0) std::memset(data_, 0, static_cast<std::size_t>(size_) * sizeof(float));
  }
  /// Grows to at least `size`; contents are lost when it grows.
  void reserve(Index size) {
    if (size > size_) *this = AlignedBuffer(size);
  }

  float* data() noexcept { return data_; }
  const float* data() const noexcept { return data_; }
  Index size() const noexcept { return size_; }

 private:
  float* data_ = nullptr;
  Index size_ = 0;
};

}  // namespace showtell
