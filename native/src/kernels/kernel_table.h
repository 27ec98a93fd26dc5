// Included last by every kernels_<isa>.cc: the loops of this instruction set, behind one table.
#pragma once

#include "kernels/array_kernels.h"
#include "kernels/attention_kernel.h"
#include "kernels/gemm_kernel.h"
#include "kernels/lstm_kernels.h"
#include "kernels/pack_kernels.h"
#include "kernels/softmax_kernels.h"
#include "kernels/vector_math.h"

#define SHOWTELL_TEXT_OF(name) #name
#define SHOWTELL_TEXT(name) SHOWTELL_TEXT_OF(name)

namespace showtell::SHOWTELL_ISA {

const Kernels kKernels = {
    SHOWTELL_TEXT(SHOWTELL_ISA),
    kGemmRows,
    kGemmColumns,
    gemm_tile,
    pack_left,
    pack_right,
    lstm_forward,
    lstm_step,
    lstm_backward,
    attend_head,
    log_sum_exp,
    softmax,
    softmax_backward,
    cross_entropy,
    top_k,
    tanh_array,
    relu_array,
    tanh_backward,
    relu_backward,
    add_array,
    multiply_array,
    multiply_to,
    sum_of_squares,
    adam,
    dropout_mask,
};

}  // namespace showtell::SHOWTELL_ISA
