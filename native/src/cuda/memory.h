// Arrays on the device, and arrays of the host that the device can copy while the host goes on.
#pragma once

#include <utility>

#include "cuda/error.h"

namespace showtell::cuda {

/// Contents are undefined. Freed when nothing on the device uses it any more: freeing waits for the device.
template <typename T>
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  explicit DeviceBuffer(Index size) : size_(size) {
    if (size > 0) check(cudaMalloc(&data_, static_cast<std::size_t>(bytes())), "taking memory");
  }
  DeviceBuffer(DeviceBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;
  ~DeviceBuffer() {
    if (data_ != nullptr) (void)cudaFree(data_);
  }

  /// Grows to at least `size`; contents are lost when it grows.
  void reserve(Index size) {
    if (size <= size_) return;
    { const DeviceBuffer freed = std::move(*this); }  // before the new one is taken
    *this = DeviceBuffer(size);
  }

  T* data() const noexcept { return data_; }
  Index size() const noexcept { return size_; }
  Index bytes() const noexcept { return size_ * static_cast<Index>(sizeof(T)); }

 private:
  T* data_ = nullptr;
  Index size_ = 0;
};

/// Page-locked memory of the host.
template <typename T>
class PinnedBuffer {
 public:
  PinnedBuffer() = default;
  explicit PinnedBuffer(Index size) : size_(size) {
    if (size > 0) check(cudaMallocHost(&data_, static_cast<std::size_t>(bytes())), "taking page-locked memory");
  }
  PinnedBuffer(PinnedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  PinnedBuffer& operator=(PinnedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  PinnedBuffer(const PinnedBuffer&) = delete;
  PinnedBuffer& operator=(const PinnedBuffer&) = delete;
  ~PinnedBuffer() {
    if (data_ != nullptr) (void)cudaFreeHost(data_);
  }

  void reserve(Index size) {
    if (size <= size_) return;
    { const PinnedBuffer freed = std::move(*this); }
    *this = PinnedBuffer(size);
  }

  T* data() const noexcept { return data_; }
  Index size() const noexcept { return size_; }
  Index bytes() const noexcept { return size_ * static_cast<Index>(sizeof(T)); }

 private:
  T* data_ = nullptr;
  Index size_ = 0;
};

}  // namespace showtell::cuda
