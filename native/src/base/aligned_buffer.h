// A float array on a 64-byte boundary: one cache line, one AVX-512 vector. Large ones lie on huge pages where the
// system has them: weights that are read from end to end at every step would miss the TLB on each small page.
#pragma once

#include <cstring>
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
    data_ = allocate(size);
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
    if (data_ != nullptr) release(data_, size_);
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
  static float* allocate(Index size);
  static void release(float* data, Index size) noexcept;

  float* data_ = nullptr;
  Index size_ = 0;
};

}  // namespace showtell
