// Arrays on the device, and arrays of the host that the device can copy while the host goes on.
#pragma once

#include <utility>
#include <vector>

#include "cuda/error.h"

namespace showtell::cuda {

struct DeviceMemory {
  static constexpr const char* kTaking = "taking memory";
  static cudaError_t take(void** data, std::size_t bytes) { return cudaMalloc(data, bytes); }
  /// Waits for the device: nothing on it uses the memory any more.
  static void give_back(void* data) noexcept { (void)cudaFree(data); }
};

/// Page-locked memory of the host.
struct PinnedMemory {
  static constexpr const char* kTaking = "taking page-locked memory";
  static cudaError_t take(void** data, std::size_t bytes) { return cudaMallocHost(data, bytes); }
  static void give_back(void* data) noexcept { (void)cudaFreeHost(data); }
};

/// Owns an array, whose contents are undefined at first.
template <typename T, typename Memory>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(Index size) : size_(size) {
    if (size == 0) return;
    void* data = nullptr;
    check(Memory::take(&data, static_cast<std::size_t>(bytes())), Memory::kTaking);
    data_ = static_cast<T*>(data);
  }
  Buffer(Buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
    if (data_ != nullptr) Memory::give_back(data_);
  }

  /// Grows to at least `size`; contents are lost when it grows.
  void reserve(Index size) {
    if (size <= size_) return;
    { const Buffer freed = std::move(*this); }  // before the new one is taken
    *this = Buffer(size);
  }

  T* data() const noexcept { return data_; }
  Index size() const noexcept { return size_; }
  Index bytes() const noexcept { return size_ * static_cast<Index>(sizeof(T)); }

 private:
  T* data_ = nullptr;
  Index size_ = 0;
};

template <typename T>
using DeviceBuffer = Buffer<T, DeviceMemory>;
template <typename T>
using PinnedBuffer = Buffer<T, PinnedMemory>;

/// There when the call returns, for every stream: a plain copy out of memory that is not page-locked may return before.
template <typename T>
void copy_to_device(const DeviceBuffer<T>& to, const std::vector<T>& from) {
  if (from.empty()) return;
  check(cudaMemcpy(to.data(), from.data(), from.size() * sizeof(T), cudaMemcpyHostToDevice), "copying to the device");
  check(cudaStreamSynchronize(nullptr), "copying to the device");
}

}  // namespace showtell::cuda
