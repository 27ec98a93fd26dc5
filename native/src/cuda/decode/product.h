// What a matrix product is given and what it leaves to its epilogue, whichever tile computes it: mma_tile.h,
// few_rows_tile.h or warpgroup_tile.h. A tile is a class with
//   kRows, kColumns, kThreads, kBlocks   of a block; how many blocks a multiprocessor shall hold at least
//   kSharedBytes, kNeedsWgmma, kPrecision
//   Sums                                 a TileSums, what a lane holds in the end
//   Tile(product, shared)                may read weights, but nothing that another kernel writes
//   run(rows, sums)                      all threads; false where this warp holds nothing
#pragma once

#include "cuda/decode/decode_stream.h"

namespace showtell::cuda {

/// Columns that one lane group finishes together: gates of eight units, or one range of logits.
constexpr int kGroupColumns = 32;
/// Packed weights have a multiple of it in rows: the columns of the widest tile.
constexpr int kWeightRowMultiple = 128;

__host__ __device__ inline int padded_rows(long long columns) {
  return static_cast<int>((columns + kWeightRowMultiple - 1) / kWeightRowMultiple * kWeightRowMultiple);
}

struct ProductInput {
  Operand operand;
  int columns = 0;            // of the operand, padded
  const int* rows = nullptr;  // row of the operand for each row of the product; null: the same row
};

/// C[rows, weight rows] = [first input, second input] weight^T.
struct Product {
  ProductInput inputs[2];
  Operand weight;                  // [padded_rows(columns of C), columns of both inputs]
  const int* row_count = nullptr;  // on the device
  int rows_per_count = 1;          // C has *row_count * rows_per_count rows

  __device__ __forceinline__ int rows() const { return *row_count * rows_per_count; }
  __host__ __device__ __forceinline__ int depth() const { return inputs[0].columns + inputs[1].columns; }
};

/// What one lane holds of a tile, in the order of the accumulators of mma and wgmma: Rows rows, eight apart, and in
/// each of Groups groups of kGroupColumns columns four pairs of columns, eight apart.
template <int Rows, int Groups>
struct TileSums {
  static constexpr int kRows = Rows, kGroups = Groups;
  float sums[(Rows + 1) / 2][Groups * 4][4];
  int first_row, first_column;

  __device__ __forceinline__ int row(int r) const { return first_row + r * 8; }
  __device__ __forceinline__ int column(int pair) const { return first_column + pair * 8; }
  /// C[row(r), column(pair) + e], e = 0 or 1.
  __device__ __forceinline__ float& at(int r, int pair, int e) { return sums[r / 2][pair][r % 2 * 2 + e]; }
  __device__ __forceinline__ float at(int r, int pair, int e) const { return sums[r / 2][pair][r % 2 * 2 + e]; }

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int i = 0; i < (Rows + 1) / 2; ++i)
#pragma unroll
      for (int pair = 0; pair < Groups * 4; ++pair)
#pragma unroll
        for (int e = 0; e < 4; ++e) sums[i][pair][e] = 0.0f;
  }
};

/// Runs `finish(sums, rows)` on the product's tile of this block; nothing where the block has no row.
template <typename Tile, typename Finish>
__device__ __forceinline__ void for_product_tile(const Product& product, const Finish& finish) {
  if constexpr (Tile::kNeedsWgmma && !kHasWgmma) {
    fail_without_wgmma();
  } else {
    DYNAMIC_SHARED(unsigned char, shared);
    Tile tile(product, shared);
    begin_after_predecessor();
    const int rows = product.rows();
    if (static_cast<int>(blockIdx.y) * Tile::kRows >= rows) return;
    typename Tile::Sums sums;
    if (tile.run(rows, sums)) finish(sums, rows);
  }
}

/// Launches a kernel made of for_product_tile<Tile> over `most_rows` x `columns`.
template <typename Tile, typename Argument>
cudaError_t launch_tiles(const DecodeStream& stream, void (*kernel)(Argument), int most_rows, int columns,
                         const Argument& argument) {
  if (Tile::kSharedBytes > kSharedBytesEverywhere) {
    if (const cudaError_t error = allow_shared(kernel, Tile::kSharedBytes); error != cudaSuccess) return error;
  }
  const dim3 grid(static_cast<unsigned>((columns + Tile::kColumns - 1) / Tile::kColumns),
                  static_cast<unsigned>((most_rows + Tile::kRows - 1) / Tile::kRows));
  return stream.launch(kernel, grid, dim3(Tile::kThreads), Tile::kSharedBytes, argument);
}

}  // namespace showtell::cuda
