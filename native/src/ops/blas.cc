#include "ops/blas.h"

#include <dlfcn.h>
#include <strings.h>

#include <cstdlib>
#include <cstring>
#include <optional>

namespace showtell {

namespace {

constexpr int kRowMajor = 101, kNoTranspose = 111, kTranspose = 112;

const char* const kLibraries[] = {
#if defined(__APPLE__)
    "/System/Library/Frameworks/Accelerate.framework/Accelerate",
    "libopenblas.dylib",
    "/opt/homebrew/opt/openblas/lib/libopenblas.dylib",
#else
    "libopenblas.so.0", "libopenblas.so", "libopenblas64.so.0", "libmkl_rt.so.2",
    "libmkl_rt.so",     "libblis.so.4",   "libblis.so",
#endif
};

template <typename Function>
Function find(void* library, const char* name) {
  return reinterpret_cast<Function>(dlsym(library, name));
}

std::string path_of(void* symbol, const std::string& fallback) {
  Dl_info info;
  return dladdr(symbol, &info) != 0 && info.dli_fname != nullptr ? info.dli_fname : fallback;
}

struct Search {
  std::optional<Blas> found;
  std::string absence;
};

/// Why our own kernels are the faster ones, or nothing. An OpenBLAS older than the processor computes with narrower
/// vectors than it has: at half their speed. Narrow ones of ours it beats.
std::string slowness(const Blas& blas) {
  if (std::strcmp(kernels().name, "avx512") != 0 || blas.core().empty() || uses_avx512(blas.core())) return {};
  return blas.name() + " computes with its kernels for " + blas.core() + ", narrower than our own";
}

Search search() {
  const char* wanted = std::getenv("SHOWTELL_BLAS");
  const std::string choice = wanted == nullptr || *wanted == '\0' ? "auto" : wanted;
  Search result;
  if (choice == "none") {
    result.absence = "switched off by SHOWTELL_BLAS=none";
    return result;
  }
  if (choice != "auto") {
    try {
      result.found = Blas::open(choice);
    } catch (const Error& error) {
      result.absence = error.what();
    }
    return result;
  }
  for (const char* library : kLibraries) {
    try {
      Blas blas = Blas::open(library);
      result.absence = slowness(blas);
      if (result.absence.empty()) result.found = std::move(blas);
      return result;
    } catch (const Error&) {  // the next one may be there
    }
  }
  result.absence = "no OpenBLAS, MKL, BLIS or Accelerate found";
  return result;
}

const Search& outcome() {
  static const Search* const result = new Search(search());
  return *result;
}

}  // namespace

const Blas* Blas::active() { return outcome().found ? &*outcome().found : nullptr; }

std::string Blas::absence() { return outcome().absence; }

bool uses_avx512(const std::string& openblas_core) {
  for (const char* core : {"SkylakeX", "Cooperlake", "SapphireRapids"}) {
    if (strcasecmp(openblas_core.c_str(), core) == 0) return true;
  }
  return false;
}

Blas Blas::open(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* reason = dlerror();
    throw Error(ErrorCode::unavailable, expected("a BLAS library", "SHOWTELL_BLAS", reason != nullptr ? reason : path));
  }
  Blas blas;
  blas.sgemm_ = find<Sgemm>(library, "cblas_sgemm");
  if (blas.sgemm_ == nullptr) {
    dlclose(library);
    throw Error(ErrorCode::unavailable, expected("a library with cblas_sgemm", "SHOWTELL_BLAS", path));
  }
  blas.path_ = path_of(reinterpret_cast<void*>(blas.sgemm_), path);
  // One thread a call: our pool cuts the work, so that results do not depend on the library's own scheduling.
  blas.set_openmp_threads_ = find<SetThreads>(library, "omp_set_num_threads");
  if (const auto set_threads = find<SetThreads>(library, "openblas_set_num_threads")) {
    blas.name_ = "OpenBLAS";
    set_threads(1);
    if (const auto config = find<char* (*)()>(library, "openblas_get_config")) blas.version_ = config();
    if (const auto core = find<char* (*)()>(library, "openblas_get_corename")) blas.core_ = core();
  } else if (const auto set_mkl_threads = find<SetThreads>(library, "MKL_Set_Num_Threads")) {
    blas.name_ = "MKL";
    set_mkl_threads(1);
  } else if (const auto set_blis_threads = find<void (*)(std::int64_t)>(library, "bli_thread_set_num_threads")) {
    blas.name_ = "BLIS";
    set_blis_threads(1);
  } else {
    blas.name_ = path.find("Accelerate") != std::string::npos ? "Accelerate" : "BLAS";
  }
  return blas;
}

void Blas::sgemm(Index m, Index n, Index k, Operand a, Operand b, float* c, Index c_stride, bool accumulate) const {
  // A library built with OpenMP asks the calling thread how many to use, whatever another thread has told it.
  if (set_openmp_threads_ != nullptr) set_openmp_threads_(1);
  sgemm_(kRowMajor, a.transpose == Transpose::yes ? kTranspose : kNoTranspose,
         b.transpose == Transpose::yes ? kTranspose : kNoTranspose, static_cast<int>(m), static_cast<int>(n),
         static_cast<int>(k), 1.0f, a.data, static_cast<int>(a.stride), b.data, static_cast<int>(b.stride),
         accumulate ? 1.0f : 0.0f, c, static_cast<int>(c_stride));
}

}  // namespace showtell
