// Register tile of the matrix product: `rows` x kGemmColumns accumulators, one rank-1 update per depth step. Every
// element is summed in the same order whatever the number of rows, so a row's result does not depend on the rows beside
// it.
#pragma once

#include "kernels/vector_math.h"

namespace showtell::SHOWTELL_ISA {

// AVX-512: 12 x 2 of 32 registers; AVX2: 6 x 2 of 16; NEON: 8 x 3 of 32; scalar: 4 x 4, which compilers turn into
// vectors.
constexpr int kGemmRows = kWidth == 16 ? 12 : kWidth == 8 ? 6 : kWidth == 4 ? 8 : 4;
constexpr int kGemmVectors = kWidth == 16 ? 2 : kWidth == 8 ? 2 : kWidth == 4 ? 3 : 4;
constexpr int kGemmColumns = kGemmVectors * kWidth;

template <int Rows>
inline void gemm_rows(Index depth, const float* __restrict a, const float* __restrict b, float* __restrict c,
                      Index c_stride, bool accumulate) {
  Vec sums[Rows][kGemmVectors];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kGemmVectors; ++j) sums[i][j] = set1(0.0f);
  }
  for (Index k = 0; k < depth; ++k) {
    Vec right[kGemmVectors];
#pragma GCC unroll 4
    for (int j = 0; j < kGemmVectors; ++j) right[j] = load(b + j * kWidth);
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
      const Vec left = set1(a[i]);
#pragma GCC unroll 4
      for (int j = 0; j < kGemmVectors; ++j) sums[i][j] = fma(left, right[j], sums[i][j]);
    }
    a += Rows;
    b += kGemmColumns;
  }
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kGemmVectors; ++j) {
      float* to = c + i * c_stride + j * kWidth;
      store(to, accumulate ? load(to) + sums[i][j] : sums[i][j]);
    }
  }
}

template <int Rows>
inline void gemm_dispatch(Index depth, const float* a, const float* b, float* c, Index c_stride, int rows,
                          bool accumulate) {
  if constexpr (Rows > 0) {
    if (rows == Rows) return gemm_rows<Rows>(depth, a, b, c, c_stride, accumulate);
    gemm_dispatch<Rows - 1>(depth, a, b, c, c_stride, rows, accumulate);
  }
}

inline void gemm_tile(Index depth, const float* a, const float* b, float* c, Index c_stride, int rows,
                      bool accumulate) {
  gemm_dispatch<kGemmRows>(depth, a, b, c, c_stride, rows, accumulate);
}

}  // namespace showtell::SHOWTELL_ISA
