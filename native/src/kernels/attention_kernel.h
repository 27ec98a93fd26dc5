// Scaled dot-product attention of one query over the cells of one image (Vaswani et al. 2017, section 3.2).
#pragma once

#include "kernels/softmax_kernels.h"

namespace showtell::SHOWTELL_ISA {

constexpr int kBlockVectors = 4;

/// out[0 ... Vectors) = sum over n of factors[n] * rows[n * stride ...].
template <int Vectors>
inline void weighted_rows(const float* factors, const float* rows, Index stride, Index count, float* out) {
  Vec sums[Vectors];
  for (int j = 0; j < Vectors; ++j) sums[j] = set1(0.0f);
  for (Index n = 0; n < count; ++n) {
    const Vec factor = set1(factors[n]);
    for (int j = 0; j < Vectors; ++j) sums[j] = fma(factor, load(rows + n * stride + j * kWidth), sums[j]);
  }
  for (int j = 0; j < Vectors; ++j) store(out + j * kWidth, sums[j]);
}

inline void weighted_sum(const float* factors, const float* rows, Index stride, Index count, Index columns,
                         float* out) {
  Index at = 0;
  for (; at + kBlockVectors * kWidth <= columns; at += kBlockVectors * kWidth) {
    weighted_rows<kBlockVectors>(factors, rows + at, stride, count, out + at);
  }
  for (; at + kWidth <= columns; at += kWidth) weighted_rows<1>(factors, rows + at, stride, count, out + at);
  for (; at < columns; ++at) {
    float total = 0;
    for (Index n = 0; n < count; ++n) total += factors[n] * rows[n * stride + at];
    out[at] = total;
  }
}

inline void attend_row(const AttendRow& row) {
  for (Index head = 0; head < row.heads; ++head) {
    const Index from = head * row.head_size;
    float* weights = row.weights + head * row.key_stride;
    weighted_sum(row.query + from, row.keys_transposed + from * row.key_stride, row.key_stride, row.head_size,
                 row.key_stride, weights);
    softmax(weights, row.cells, row.scale);
    weighted_sum(weights, row.values + from, row.heads * row.head_size, row.cells, row.head_size, row.context + from);
  }
}

}  // namespace showtell::SHOWTELL_ISA
