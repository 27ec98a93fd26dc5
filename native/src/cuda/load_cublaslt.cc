#include "cuda/cublaslt.h"
#include "cuda/libraries.h"

namespace showtell::cuda {

namespace {
constexpr std::size_t kOldestVersion = 120000;
}

CublasLt load_cublaslt() {
  const Library library({"cuBLASLt", {"libcublasLt.so.13", "libcublasLt.so.12"}, "nvidia-cublas"});
  CublasLt api;
  library.find("cublasLtCreate", api.create);
  library.find("cublasLtGetVersion", api.get_version);
  library.find("cublasLtMatmulDescCreate", api.matmul_description_create);
  library.find("cublasLtMatmulDescSetAttribute", api.matmul_description_set);
  library.find("cublasLtMatmulDescDestroy", api.matmul_description_destroy);
  library.find("cublasLtMatrixLayoutCreate", api.layout_create);
  library.find("cublasLtMatrixLayoutDestroy", api.layout_destroy);
  library.find("cublasLtMatmulPreferenceCreate", api.preference_create);
  library.find("cublasLtMatmulPreferenceSetAttribute", api.preference_set);
  library.find("cublasLtMatmulPreferenceDestroy", api.preference_destroy);
  library.find("cublasLtMatmulAlgoGetHeuristic", api.get_heuristic);
  library.find("cublasLtMatmul", api.matmul);
  api.path = library.path();
  if (api.get_version() < kOldestVersion) {
    throw Error(ErrorCode::unavailable, "Expected cuBLASLt 12 or newer but " + api.path + " is version " +
                                            version_of(api) + ". Hint: pip install nvidia-cublas.");
  }
  return api;
}

std::string version_of(const CublasLt& library) {
  const std::size_t number = library.get_version();
  return std::to_string(number / 10000) + "." + std::to_string(number / 100 % 100) + "." + std::to_string(number % 100);
}

}  // namespace showtell::cuda
