#define SHOWTELL_ISA neon
#include "kernels/vec_neon.h"

#include "kernels/kernel_table.h"
