// Scaled dot-product attention of one query over the cells of one image (Vaswani et al. 2017, section 3.2).
#pragma once

#include "kernels/softmax_kernels.h"

namespace showtell::SHOWTELL_ISA {

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

/// Columns in blocks as wide as the registers allow: the wider, the longer the memory is read in order.
template <int Vectors>
inline Index weighted_blocks(const float* factors, const float* rows, Index stride, Index count, Index columns,
                             Index at, float* out) {
  constexpr Index kBlock = Vectors * kWidth;
  for (; at + kBlock <= columns; at += kBlock) {
    weighted_rows<Vectors>(factors, rows + at, stride, count, out + at);
  }
  return at;
}

inline void weighted_sum(const float* factors, const float* rows, Index stride, Index count, Index columns,
                         float* out) {
  Index at = weighted_blocks<12>(factors, rows, stride, count, columns, 0, out);
  at = weighted_blocks<8>(factors, rows, stride, count, columns, at, out);
  at = weighted_blocks<4>(factors, rows, stride, count, columns, at, out);
  at = weighted_blocks<1>(factors, rows, stride, count, columns, at, out);
  for (; at < columns; ++at) {
    float total = 0;
    for (Index n = 0; n < count; ++n) total += factors[n] * rows[n * stride + at];
    out[at] = total;
  }
}

inline void attend_head(const AttendHead& head) {
  weighted_sum(head.query, head.keys_transposed, head.key_stride, head.head_size, head.key_stride, head.weights);
  softmax(head.weights, head.cells, head.scale);
  weighted_sum(head.weights, head.values, head.head_size, head.cells, head.head_size, head.context);
}

}  // namespace showtell::SHOWTELL_ISA
