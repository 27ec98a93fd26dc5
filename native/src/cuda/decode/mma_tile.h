// The tile for many rows on every architecture: a block multiplies 64 rows by 128 columns, its four warps two by two. A
// is one or two operands side by side whose rows are found through an index, so that word vectors and reordered
// hypotheses are read where they lie. Whatever the precision, a lane ends up with the same elements: those of
// mma.m16n8k16.
#pragma once

#include "cuda/decode/product.h"

namespace showtell::cuda {

template <Precision P>
class MmaTile {
 public:
  static constexpr Precision kPrecision = P;
  static constexpr int kRows = 64, kColumns = 128, kThreads = 128;
  static constexpr int kBlocks = 3;  // 168 registers a thread, with which nothing spills
  static constexpr int kSharedBytes = kSharedBytesEverywhere;
  static constexpr bool kNeedsWgmma = false;
  static constexpr int kWarpRows = 32, kWarpColumns = 64;
  using Sums = TileSums<kWarpRows / 8, kWarpColumns / kGroupColumns>;

  __device__ __forceinline__ MmaTile(const Product& product, unsigned char* shared)
      : product_(product),
        shared_(shared),
        lane_(static_cast<int>(threadIdx.x & 31)),
        line_(static_cast<int>(threadIdx.x >> 2)),
        chunk_(static_cast<int>(threadIdx.x & 3)) {
    const int warp = static_cast<int>(threadIdx.x >> 5);
    warp_row_ = warp / 2 * kWarpRows;
    warp_column_ = warp % 2 * kWarpColumns;
    first_row_ = static_cast<int>(blockIdx.y) * kRows;
    first_column_ = static_cast<int>(blockIdx.x) * kColumns;
  }

  __device__ __forceinline__ bool run(int rows, Sums& tile) {
    idle_ = first_row_ + warp_row_ >= rows;
#pragma unroll
    for (int i = 0; i < kRowsPerThread; ++i) {
      const int row = min(first_row_ + line_ + i * kLinesTogether, rows - 1);
#pragma unroll
      for (int input = 0; input < 2; ++input) {
        const int* rows_of_input = product_.inputs[input].rows;
        rows_[input][i] = rows_of_input != nullptr ? rows_of_input[row] : row;
      }
    }
    tile.first_row = first_row_ + warp_row_ + (lane_ >> 2);
    tile.first_column = first_column_ + warp_column_ + (lane_ & 3) * 2;
    tile.clear();
    const int steps = product_.depth() / kDepth;
#pragma unroll
    for (int step = 0; step < kStages - 1; ++step) {
      if (step < steps) load(step);
      cp_async_commit();
    }
    for (int step = 0; step < steps; ++step) {
      cp_async_wait<kStages - 2>();
      __syncthreads();
      if (step + kStages - 1 < steps) load(step + kStages - 1);
      cp_async_commit();
      if (!idle_) multiply(shared_ + step % kStages * kStageBytes, tile);
    }
    return true;
  }

 private:
  static constexpr int kLineBytes = 64;  // a row of a tile in shared memory
  static constexpr int kDepth = kLineBytes / static_cast<int>(sizeof(Element<P>));
  static constexpr int kPlaneBytes = (kRows + kColumns) * kLineBytes;
  static constexpr int kStageBytes = kPlanes<P> * kPlaneBytes;
  static constexpr int kStages = kSharedBytes / kStageBytes;
  static constexpr int kLinesTogether = kThreads / 4;
  static constexpr int kRowsPerThread = kRows / kLinesTogether;
  static constexpr int kChunk = 16 / static_cast<int>(sizeof(Element<P>));
  static_assert(kStages >= 2, "a tile must be loaded while another is multiplied");

  /// Of a 16-byte chunk in a plane; eight lines that are read together fall into different banks.
  static __device__ __forceinline__ int offset(int line, int chunk) {
    return line * kLineBytes + ((chunk ^ (line >> 1 & 3)) << 4);
  }

  __device__ __forceinline__ void load(int step) {
    unsigned char* stage = shared_ + step % kStages * kStageBytes;
    const int column = step * kDepth + chunk_ * kChunk;
    const int second = column < product_.inputs[0].columns ? 0 : 1;
    const Operand& a = product_.inputs[second].operand;
    const int a_column = second == 0 ? column : column - product_.inputs[0].columns;
#pragma unroll
    for (int plane = 0; plane < kPlanes<P>; ++plane) {
      const auto* from = static_cast<const Element<P>*>(plane == 0 ? a.high : a.low);
      const auto* weight =
          static_cast<const Element<P>*>(plane == 0 ? product_.weight.high : product_.weight.low) + column;
      unsigned char* to = stage + plane * kPlaneBytes;
#pragma unroll
      for (int i = 0; i < kRowsPerThread; ++i) {
        const int row = second == 0 ? rows_[0][i] : rows_[1][i];
        cp_async16(to + offset(line_ + i * kLinesTogether, chunk_),
                   from + static_cast<size_t>(row) * static_cast<size_t>(a.stride) + a_column);
      }
#pragma unroll
      for (int i = 0; i < kColumns / kLinesTogether; ++i) {
        const int line = line_ + i * kLinesTogether;
        cp_async16(to + offset(kRows + line, chunk_),
                   weight + static_cast<size_t>(first_column_ + line) * static_cast<size_t>(product_.weight.stride));
      }
    }
  }

  __device__ __forceinline__ void multiply(const unsigned char* stage, Sums& tile) {
    if constexpr (P == Precision::float32) {
      multiply_floats(stage, tile);
    } else {
      multiply_halves(stage, tile);
    }
  }

  __device__ __forceinline__ void multiply_halves(const unsigned char* stage, Sums& tile) {
#pragma unroll
    for (int k = 0; k < kDepth / 16; ++k) {
      unsigned a[2][kPlanes<P>][4];
#pragma unroll
      for (int i = 0; i < 2; ++i)
#pragma unroll
        for (int plane = 0; plane < kPlanes<P>; ++plane) {
          const int line = warp_row_ + i * 16 + (lane_ & 15);
          ldmatrix_x4(a[i][plane], stage + plane * kPlaneBytes + offset(line, k * 2 + (lane_ >> 4)));
        }
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        unsigned b[kPlanes<P>][4];
        const int line = kRows + warp_column_ + j * 16 + (lane_ & 7) + (lane_ >> 4) * 8;
#pragma unroll
        for (int plane = 0; plane < kPlanes<P>; ++plane) {
          ldmatrix_x4(b[plane], stage + plane * kPlaneBytes + offset(line, k * 2 + (lane_ >> 3 & 1)));
        }
#pragma unroll
        for (int i = 0; i < 2; ++i)
#pragma unroll
          for (int n = 0; n < 2; ++n) {
            float* sums = tile.sums[i][j * 2 + n];
            if constexpr (P == Precision::exact) {  // the product of both low halves is below the last bit of a float
              mma_m16n8k16(sums, a[i][1], b[0][n * 2], b[0][n * 2 + 1]);
              mma_m16n8k16(sums, a[i][0], b[1][n * 2], b[1][n * 2 + 1]);
            }
            mma_m16n8k16(sums, a[i][0], b[0][n * 2], b[0][n * 2 + 1]);
          }
      }
    }
  }

  __device__ __forceinline__ void multiply_floats(const unsigned char* stage, Sums& tile) {
    const auto at = [&](int line, int chunk) { return *reinterpret_cast<const float4*>(stage + offset(line, chunk)); };
    const auto dot = [](const float4& x, const float4& y, float sum) {
      return fmaf(x.w, y.w, fmaf(x.z, y.z, fmaf(x.y, y.y, fmaf(x.x, y.x, sum))));
    };
#pragma unroll 1  // unrolled, it needs more registers than there are
    for (int chunk = 0; chunk < 4; ++chunk) {
      float4 a[2][2];
#pragma unroll
      for (int i = 0; i < 2; ++i)
#pragma unroll
        for (int h = 0; h < 2; ++h) a[i][h] = at(warp_row_ + i * 16 + h * 8 + (lane_ >> 2), chunk);
#pragma unroll
      for (int j = 0; j < 8; ++j)
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          const float4 b = at(kRows + warp_column_ + j * 8 + (lane_ & 3) * 2 + e, chunk);
#pragma unroll
          for (int i = 0; i < 2; ++i)
#pragma unroll
            for (int h = 0; h < 2; ++h) {
              tile.sums[i][j][h * 2 + e] = dot(a[i][h], b, tile.sums[i][j][h * 2 + e]);
            }
        }
    }
  }

  const Product& product_;
  unsigned char* shared_;
  int lane_, line_, chunk_;
  int warp_row_, warp_column_, first_row_, first_column_;
  int rows_[2][kRowsPerThread];
  bool idle_;  // a warp without a row: it loads for the others and multiplies nothing
};

}  // namespace showtell::cuda
