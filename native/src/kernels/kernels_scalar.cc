#define SHOWTELL_ISA scalar
#include "kernels/vec_scalar.h"

#include "kernels/kernel_table.h"
