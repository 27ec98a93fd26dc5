// Arrays of the device for tests: filled from the host, read back whole.
#pragma once

#include <vector>

#include "check.h"
#include "cuda/tensor_ops.h"
#include "device_under_test.h"

namespace device_test {

inline void check_cuda(cudaError_t error, const char* file, int line) {
  if (error != cudaSuccess) check::fail(file, line, cudaGetErrorName(error));
}

template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(std::size_t size) : size_(size) {
    check_cuda(cudaMalloc(&data_, size * sizeof(T)), __FILE__, __LINE__);
  }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    check_cuda(cudaMemcpy(data_, values.data(), bytes(), cudaMemcpyHostToDevice), __FILE__, __LINE__);
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { cudaFree(data_); }

  T* data() const { return data_; }
  std::size_t bytes() const { return size_ * sizeof(T); }
  std::vector<T> read() const {
    std::vector<T> values(size_);
    check_cuda(cudaDeviceSynchronize(), __FILE__, __LINE__);
    check_cuda(cudaMemcpy(values.data(), data_, bytes(), cudaMemcpyDeviceToHost), __FILE__, __LINE__);
    return values;
  }

 private:
  T* data_ = nullptr;
  std::size_t size_;
};

}  // namespace device_test

#define CHECK_CUDA(call) device_test::check_cuda(call, __FILE__, __LINE__)
