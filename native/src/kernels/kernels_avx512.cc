#define SHOWTELL_ISA avx512
#include "kernels/vec_avx512.h"

#include "kernels/kernel_table.h"
