// Matrix products, row-major. Large products go to a BLAS library where one was found and is faster; products with
// weights that are used many times go to our own kernel with the weights packed once.
#pragma once

#include "base/aligned_buffer.h"
#include "base/cpu_context.h"

namespace showtell {

enum class Transpose : bool { no, yes };

struct Operand {
  const float* data;
  Index stride;  // between rows as stored
  Transpose transpose = Transpose::no;
};

/// C[m, n] = A[m, k] B[k, n], or += where `accumulate`.
void gemm(CpuContext& context, Index m, Index n, Index k, Operand a, Operand b, float* c, Index c_stride,
          bool accumulate = false);

/// The same by our own kernel on the calling thread alone; for the parts of a loop that is already split.
void gemm_single(const Kernels& kernels, Index m, Index n, Index k, Operand a, Operand b, float* c, Index c_stride,
                 bool accumulate = false);

/// The right-hand matrix B[k, n] in the order in which the kernel reads it.
class PackedMatrix {
 public:
  PackedMatrix() = default;
  /// Reuses its memory where it is large enough.
  void pack(CpuContext& context, Index k, Index n, Operand b);
  Index rows() const { return k_; }
  Index columns() const { return n_; }
  bool empty() const { return n_ == 0; }
  Index size() const { return data_.size(); }  // floats of memory
  const float* panel(Index column_panel, Index depth_start, Index depth) const;

 private:
  AlignedBuffer data_;
  Index k_ = 0, n_ = 0, panel_columns_ = 1;
};

/// What is added to a product: nothing, a matrix like C, or one row to all rows (stride 0).
struct Addend {
  const float* data = nullptr;
  Index stride = 0;
};

/// C[m, n] = addend + A[m, k] B. The addend may be C itself. A row of C depends on its rows of A and addend alone, bit
/// for bit, whatever m and the thread count.
void gemm(CpuContext& context, Index m, Operand a, const PackedMatrix& b, Addend addend, float* c, Index c_stride);
void gemm_single(const Kernels& kernels, Index m, Operand a, const PackedMatrix& b, Addend addend, float* c,
                 Index c_stride);

}  // namespace showtell
