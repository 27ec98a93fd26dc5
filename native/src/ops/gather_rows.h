// Rows by index: word vectors, beam reordering, rows of images for captions.
#pragma once

#include "base/cpu_context.h"

namespace showtell {

/// out[i] = table[rows[i]] for rows of `columns` floats; a negative index leaves out[i] as it is.
void gather_rows(CpuContext& context, Index count, Index columns, const float* table, const std::int32_t* rows,
                 float* out);

/// table[rows[i]] += d[i]; negative indices are skipped. In order of i: bit-identical whatever the threads.
void scatter_add_rows(CpuContext& context, Index count, Index columns, const float* d, const std::int32_t* rows,
                      float* table);

}  // namespace showtell
