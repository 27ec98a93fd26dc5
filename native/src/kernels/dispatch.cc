#include <cstdlib>
#include <cstring>

#include "base/cpu_info.h"
#include "kernels/kernels.h"

namespace showtell {

const Kernels* const* runnable_kernels() {
  static const Kernels* list[4];
  static const bool filled = [] {
    int count = 0;
#if defined(SHOWTELL_X86)
    if (cpu_has_avx512()) list[count++] = &avx512::kKernels;
    if (cpu_has_avx2()) list[count++] = &avx2::kKernels;
#endif
#if defined(SHOWTELL_ARM64)
    list[count++] = &neon::kKernels;
#endif
    list[count++] = &scalar::kKernels;
    list[count] = nullptr;
    return true;
  }();
  static_cast<void>(filled);
  return list;
}

const Kernels& kernels() {
  static const Kernels* const chosen = [] {
    const Kernels* const* list = runnable_kernels();
    if (const char* wanted = std::getenv("SHOWTELL_ISA")) {
      for (const Kernels* const* each = list; *each != nullptr; ++each) {
        if (std::strcmp((*each)->name, wanted) == 0) return *each;
      }
    }
    return list[0];
  }();
  return *chosen;
}

}  // namespace showtell
