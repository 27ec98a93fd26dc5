// Puts matrices into the order in which the register tile reads them, depth step after depth step: the right-hand one
// in panels of kGemmColumns columns, a transposed left-hand one in panels of at most kGemmRows rows.
#pragma once

#include <cstring>

#include "kernels/gemm_kernel.h"

namespace showtell::SHOWTELL_ISA {

/// Rows as they are stored, each from end to end as the processor's own fetching expects it.
inline void pack_stored(const PackColumns& matrix) {
  const Index whole = matrix.columns / kGemmColumns * kGemmColumns;
  const Index rest = matrix.columns - whole;
  for (Index k = 0; k < matrix.depth; ++k) {
    const float* const from = matrix.from + k * matrix.stride;
    float* const to = matrix.to + k * kGemmColumns;
    for (Index column = 0; column < whole; column += kGemmColumns) {
#pragma GCC unroll 4
      for (int j = 0; j < kGemmColumns; j += kWidth) {
        store(to + column * matrix.depth + j, load(from + column + j));
      }
    }
    if (rest == 0) continue;
    for (Index j = 0; j < kGemmColumns; ++j) to[whole * matrix.depth + j] = j < rest ? from[whole + j] : 0.0f;
  }
}

/// As many columns of a transposed matrix as a vector has.
inline void pack_transposed(const float* from, Index stride, Index depth, Index columns, float* to) {
  Index k = 0;
  for (; k + kWidth <= depth; k += kWidth) {
    Vec block[kWidth];
#pragma GCC unroll 16
    for (int j = 0; j < kWidth; ++j) block[j] = j < columns ? load(from + j * stride + k) : set1(0.0f);
    transpose(block);
#pragma GCC unroll 16
    for (int i = 0; i < kWidth; ++i) store(to + (k + i) * kGemmColumns, block[i]);
  }
  for (; k < depth; ++k) {
    for (int j = 0; j < kWidth; ++j) to[k * kGemmColumns + j] = j < columns ? from[j * stride + k] : 0.0f;
  }
}

inline void pack_right(const PackColumns& matrix) {
  if (!matrix.transposed) return pack_stored(matrix);
  for (Index panel = 0; panel < matrix.columns; panel += kGemmColumns) {
    for (Index column = panel; column < panel + kGemmColumns; column += kWidth) {
      pack_transposed(matrix.from + column * matrix.stride, matrix.stride, matrix.depth, matrix.columns - column,
                      matrix.to + panel * matrix.depth + column - panel);
    }
  }
}

/// A copy of constant size is a move or two.
template <int Rows>
inline void pack_rows(const PackRows& panel) {
  if constexpr (Rows > 0) {
    if (panel.rows != Rows) return pack_rows<Rows - 1>(panel);
    for (Index k = 0; k < panel.depth; ++k) {
      std::memcpy(panel.to + k * Rows, panel.from + k * panel.stride, Rows * sizeof(float));
    }
  }
}

inline void pack_left(const PackRows& panel) { pack_rows<kGemmRows>(panel); }

}  // namespace showtell::SHOWTELL_ISA
