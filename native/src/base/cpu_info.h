// What the processor is and can do.
#pragma once

#include <string>

namespace showtell {

/// Brand string, or the architecture's name where none can be read.
std::string cpu_model();

/// Physical cores that this process may run on (affinity counted, hyper-threads not); at least 1.
int usable_physical_cores();

bool cpu_has_avx2();    // with FMA
bool cpu_has_avx512();  // F, with the operating system saving its registers
bool cpu_has_neon();

}  // namespace showtell
