// The tile for many rows on Hopper: wgmma multiplies 64 rows by 128 columns for each group of four warps, out of shared
// memory, while they copy what comes next. `exact` takes the three products of its halves one after the other, each as
// a step of its own: a stage holds one plane of either operand whatever the precision.
#pragma once

#include "cuda/decode/product.h"

namespace showtell::cuda {

template <Precision P, int Warpgroups>
class WarpgroupTile {
 public:
  static constexpr Precision kPrecision = P;
  static constexpr int kRows = 64 * Warpgroups, kColumns = 128, kThreads = 128 * Warpgroups;
  static constexpr int kBlocks = 2;  // what shared memory has room for
  static constexpr int kStages = Warpgroups == 1 ? 4 : 3;
  static constexpr int kLineBytes = 128;  // a row of a tile in shared memory
  static constexpr int kStageBytes = (kRows + kColumns) * kLineBytes;
  static constexpr int kSharedBytes = kStages * kStageBytes;  // 96 KiB
  static constexpr bool kNeedsWgmma = true;
  using Sums = TileSums<2, kColumns / kGroupColumns>;

  __device__ __forceinline__ WarpgroupTile(const Product& product, unsigned char* shared)
      : product_(product),
        shared_(shared),
        line_(static_cast<int>(threadIdx.x >> 3)),
        chunk_(static_cast<int>(threadIdx.x & 7)),
        first_row_(static_cast<int>(blockIdx.y) * kRows),
        first_column_(static_cast<int>(blockIdx.x) * kColumns) {}

  __device__ __forceinline__ bool run(int rows, Sums& out) {
#pragma unroll
    for (int i = 0; i < kRowsPerThread; ++i) {
      const int row = min(first_row_ + line_ + i * kLinesTogether, rows - 1);
#pragma unroll
      for (int input = 0; input < 2; ++input) {
        const int* rows_of_input = product_.inputs[input].rows;
        rows_[input][i] = rows_of_input != nullptr ? rows_of_input[row] : row;
      }
    }
    const int warpgroup = static_cast<int>(threadIdx.x >> 7), warp = static_cast<int>(threadIdx.x >> 5 & 3);
    const int lane = static_cast<int>(threadIdx.x & 31);
    out.first_row = first_row_ + warpgroup * 64 + warp * 16 + (lane >> 2);
    out.first_column = first_column_ + (lane & 3) * 2;
    out.clear();
    const int steps = (product_.depth() + kDepth - 1) / kDepth * kProducts;
#pragma unroll
    for (int step = 0; step < kStages - 1; ++step) {
      if (step < steps) load(step);
      cp_async_commit();
    }
    for (int step = 0; step < steps; ++step) {
      cp_async_wait<kStages - 2>();
      fence_proxy_async();
      wgmma_wait<0>();  // the stage that is filled next has been read
      __syncthreads();
      const unsigned char* stage = shared_ + step % kStages * kStageBytes;
      wgmma_fence();
#pragma unroll
      for (int k = 0; k < kDepth / 16; ++k) {
        wgmma_m64n128k16(&out.sums[0][0][0], wgmma_descriptor(stage + warpgroup * 64 * kLineBytes + k * 32),
                         wgmma_descriptor(stage + kRows * kLineBytes + k * 32), 1);
      }
      wgmma_commit();
      if (step + kStages - 1 < steps) load(step + kStages - 1);
      cp_async_commit();
    }
    wgmma_wait<0>();
    return true;
  }

 private:
  static_assert(P != Precision::float32, "wgmma multiplies halves");
  static constexpr int kProducts = P == Precision::exact ? 3 : 1;
  static constexpr int kDepth = kLineBytes / static_cast<int>(sizeof(half));
  static constexpr int kLinesTogether = kThreads / 8;
  static constexpr int kRowsPerThread = kRows / kLinesTogether;

  /// Of a 16-byte chunk, in the order of wgmma_descriptor.
  static __device__ __forceinline__ int offset(int line, int chunk) {
    return line * kLineBytes + ((chunk ^ (line & 7)) << 4);
  }

  __device__ __forceinline__ void load(int step) {
    unsigned char* stage = shared_ + step % kStages * kStageBytes;
    const int column = step / kProducts * kDepth + chunk_ * 8;
    // Low times high, high times low, high times high; the product of both low halves is below the last bit of a float.
    const bool low_rows = kProducts == 3 && step % kProducts == 0,
               low_weights = kProducts == 3 && step % kProducts == 1;
    const int bytes = column < product_.depth() ? 16 : 0;  // the depth may end in the middle of a line: zeros
    const int from_column = bytes != 0 ? column : 0;
    const bool second = from_column >= product_.inputs[0].columns;
    const Operand& a = product_.inputs[second ? 1 : 0].operand;
    const auto* rows = static_cast<const half*>(low_rows ? a.low : a.high) +
                       (second ? from_column - product_.inputs[0].columns : from_column);
    const auto* weights =
        static_cast<const half*>(low_weights ? product_.weight.low : product_.weight.high) + from_column;
#pragma unroll
    for (int i = 0; i < kRowsPerThread; ++i) {
      const auto row = static_cast<size_t>(second ? rows_[1][i] : rows_[0][i]);
      cp_async16_zfill(stage + offset(line_ + i * kLinesTogether, chunk_), rows + row * static_cast<size_t>(a.stride),
                       bytes);
    }
#pragma unroll
    for (int i = 0; i < kColumns / kLinesTogether; ++i) {
      const int line = line_ + i * kLinesTogether;
      const auto weight_row = static_cast<size_t>(first_column_ + line) * static_cast<size_t>(product_.weight.stride);
      cp_async16_zfill(stage + offset(kRows + line, chunk_), weights + weight_row, bytes);
    }
  }

  const Product& product_;
  unsigned char* shared_;
  int line_, chunk_, first_row_, first_column_;
  int rows_[2][kRowsPerThread];
};

}  // namespace showtell::cuda
