// Scaled dot-product attention of one time step over the cells of each image. A block serves one head of one group of
// rows that look at the same image, so that the image's keys and values are read once for all its hypotheses.
#pragma once

#include "cuda/decode/decode_stream.h"

namespace showtell::cuda {

struct AttentionStep {
  Operand queries;       // [rows, size]
  Operand keys, values;  // [images * cells, size]
  int cells = 0, heads = 0, head_size = 0;
  // Group g: rows [first_row[g], first_row[g] + rows_of_group[g]), which look at image_of_group[g] (null: g).
  const int* first_row = nullptr;
  const int* rows_of_group = nullptr;
  const int* image_of_group = nullptr;
  Operand attended;          // out, [rows, size]
  float* weights = nullptr;  // out, [rows, heads, cells] or null
  int rows_together = 0;     // set by the launch: rows whose scores fit into shared memory at once
};

/// Cells and head size that one block's shared memory can hold.
constexpr int kMostCellsAndHeadSize = 12'000;

cudaError_t launch_attention_step(const DecodeStream& stream, int most_groups, AttentionStep step);

}  // namespace showtell::cuda
