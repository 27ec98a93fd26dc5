#define SHOWTELL_ISA avx2
#include "kernels/vec_avx2.h"

#include "kernels/kernel_table.h"
