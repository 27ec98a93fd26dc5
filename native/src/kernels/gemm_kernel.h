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
constexpr Index kLineFloats = 16;

template <int Rows, bool Packed>
inline void gemm_rows(const GemmTile& tile) {
  Vec sums[Rows][kGemmVectors];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kGemmVectors; ++j) sums[i][j] = set1(0.0f);
  }
  const float* __restrict a = tile.left;
  const float* __restrict b = tile.right;
  const Index row_step = Packed ? 1 : tile.left_stride;
  const auto update = [&](Index right_step) {
    Vec right[kGemmVectors];
#pragma GCC unroll 4
    for (int j = 0; j < kGemmVectors; ++j) right[j] = load(b + j * kWidth);
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
      const Vec left = set1(a[i * row_step]);
#pragma GCC unroll 4
      for (int j = 0; j < kGemmVectors; ++j) sums[i][j] = fma(left, right[j], sums[i][j]);
    }
    a += Packed ? Rows : 1;
    b += right_step;
  };
  // Evenly spread, fetching hides behind the arithmetic; in a burst it would wait for the memory. With a constant step
  // all addresses find registers.
  Index k = 0;
  for (Index line = 0; line < tile.soon_lines; ++line) {
    __builtin_prefetch(tile.soon + line * kLineFloats, 0, 2);  // the second cache: the first one is full of this tile
    for (const Index next = k + tile.soon_pace; k < next; ++k) update(kGemmColumns);
  }
  for (; k < tile.depth; ++k) update(tile.right_stride);
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kGemmVectors; ++j) {
      const Vec sum = sums[i][j];
      const Index at = j * kWidth;
      store(tile.c + i * tile.c_stride + at,
            tile.addend == nullptr ? sum : load(tile.addend + i * tile.addend_stride + at) + sum);
    }
  }
}

template <int Rows>
inline void gemm_dispatch(const GemmTile& tile) {
  if constexpr (Rows > 0) {
    if (tile.rows != Rows) return gemm_dispatch<Rows - 1>(tile);
    if (tile.left_stride == 0)
      gemm_rows<Rows, true>(tile);
    else
      gemm_rows<Rows, false>(tile);
  }
}

inline void gemm_tile(const GemmTile& tile) { gemm_dispatch<kGemmRows>(tile); }

}  // namespace showtell::SHOWTELL_ISA
