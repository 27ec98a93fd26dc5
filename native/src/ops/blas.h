// A BLAS library found at run time. Nothing is linked: the addon loads with or without one.
#pragma once

#include <string>

#include "ops/gemm.h"

namespace showtell {

class Blas {
 public:
  /// The library in use, or null for our own kernels. SHOWTELL_BLAS: "auto" (default: the first one found, unless our
  /// own kernels are known to be faster), "none", or the path of a library.
  static const Blas* active();
  /// Why `active()` is null: a sentence for people.
  static std::string absence();
  /// Opens `path` or a well-known name. Throws an unavailable error that says what failed.
  static Blas open(const std::string& path);

  const std::string& name() const { return name_; }        // "OpenBLAS", "MKL", "BLIS", "Accelerate", "BLAS"
  const std::string& version() const { return version_; }  // as the library says; empty where it does not
  const std::string& path() const { return path_; }
  const std::string& core() const { return core_; }  // the processor whose kernels OpenBLAS chose; empty for others

  /// On the calling thread alone.
  void sgemm(Index m, Index n, Index k, Operand a, Operand b, float* c, Index c_stride, bool accumulate) const;

 private:
  using Sgemm = void (*)(int, int, int, int, int, int, float, const float*, int, const float*, int, float, float*, int);
  using SetThreads = void (*)(int);
  Sgemm sgemm_ = nullptr;
  SetThreads set_openmp_threads_ = nullptr;  // null: not built with OpenMP
  std::string name_, version_, path_, core_;
};

/// Whether OpenBLAS' kernels for a processor of this name use AVX-512.
bool uses_avx512(const std::string& openblas_core);

}  // namespace showtell
