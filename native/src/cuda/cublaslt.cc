#include "cuda/cublaslt.h"

namespace showtell::cuda {

const CublasLt& cublaslt() {
  static const auto* const library = new CublasLt(load_cublaslt());  // a failure is tried again by the next call
  return *library;
}

}  // namespace showtell::cuda
