// Matrix products on the device, row-major, by cuBLASLt. Halves are multiplied by the tensor cores and summed in
// float32; floats in true float32, or, where asked for, rounded to tf32 first.
#pragma once

#include <map>
#include <memory>
#include <tuple>

#include "cuda/cublaslt.h"
#include "cuda/memory.h"

namespace showtell::cuda {

/// A matrix as stored: rows `stride` numbers apart. `transposed`: the product reads it the other way.
template <typename Real>
struct GemmOperand {
  const Real* data;
  Index stride;
  bool transposed = false;
};

/// For one stream at a time: products share a workspace. Nothing is allocated by a product, so that it can be recorded.
class Gemm {
 public:
  /// Throws an unavailable error where cuBLASLt is missing.
  explicit Gemm(bool tf32 = false);
  ~Gemm();
  Gemm(const Gemm&) = delete;
  Gemm& operator=(const Gemm&) = delete;

  /// c[m, n] = a[m, k] b[k, n], or += where `accumulate`.
  void operator()(cudaStream_t stream, Index m, Index n, Index k, GemmOperand<float> a, GemmOperand<float> b, float* c,
                  Index c_stride, bool accumulate = false) const;
  void operator()(cudaStream_t stream, Index m, Index n, Index k, GemmOperand<half> a, GemmOperand<half> b, half* c,
                  Index c_stride, bool accumulate = false) const;
  void operator()(cudaStream_t stream, Index m, Index n, Index k, GemmOperand<half> a, GemmOperand<half> b, float* c,
                  Index c_stride, bool accumulate = false) const;
  Index bytes() const { return workspace_.bytes(); }

 private:
  struct Shape;
  struct Plan;
  const Plan& plan_of(const Shape& shape) const;
  void run(cudaStream_t stream, Shape shape, const void* a, const void* b, void* c, bool accumulate) const;

  const CublasLt& library_;
  const CublasCompute float_compute_;
  DeviceBuffer<unsigned char> workspace_;
  mutable std::map<Shape, Plan> plans_;
};

}  // namespace showtell::cuda
