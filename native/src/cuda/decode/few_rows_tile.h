// The tile for few rows: small batches leave most of a device without work, and what counts is how soon the weights
// arrive. A block takes 16 rows and 32 columns, so that a layer's columns spread over the device; its warps take turns
// at the depth and add up their parts in the end. Operands go straight from memory to registers: nothing is used twice.
#pragma once

#include "cuda/decode/product.h"

namespace showtell::cuda {

template <Precision P>
class FewRowsTile {
 public:
  static constexpr Precision kPrecision = P;
  static constexpr int kRows = 16, kColumns = kGroupColumns, kThreads = 256, kBlocks = 1;
  static constexpr int kWarps = kThreads / 32, kPairs = kColumns / 8;
  static constexpr int kSharedBytes = kWarps * kRows * kColumns * static_cast<int>(sizeof(float));
  static constexpr bool kNeedsWgmma = false;
  using Sums = TileSums<1, 1>;

  __device__ __forceinline__ FewRowsTile(const Product& product, unsigned char* shared)
      : product_(product),
        parts_(reinterpret_cast<float2*>(shared)),
        warp_(static_cast<int>(threadIdx.x >> 5)),
        lane_(static_cast<int>(threadIdx.x & 31)),
        first_column_(static_cast<int>(blockIdx.x) * kColumns),
        steps_(product.depth() / kDepth) {
    if (warp_ < steps_) load_weights(warp_, next_);
  }

  /// The first two warps hold eight rows each.
  __device__ __forceinline__ bool run(int rows, Sums& out) {
    const int first_row = static_cast<int>(blockIdx.y) * kRows;
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int row = min(first_row + h * 8 + (lane_ >> 2), rows - 1);
#pragma unroll
      for (int input = 0; input < 2; ++input) {
        const int* rows_of_input = product_.inputs[input].rows;
        rows_[input][h] = rows_of_input != nullptr ? rows_of_input[row] : row;
      }
    }
    TileSums<2, 1> sums;
    sums.clear();
    if (warp_ < steps_) load_rows(warp_, next_);
    for (int step = warp_; step < steps_; step += kWarps) {
      const Fragments current = next_;
      if (step + kWarps < steps_) {
        load_weights(step + kWarps, next_);
        load_rows(step + kWarps, next_);
      }
      multiply(current, sums);
    }
#pragma unroll
    for (int h = 0; h < 2; ++h)
#pragma unroll
      for (int pair = 0; pair < kPairs; ++pair) {
        parts_[part(warp_, h, pair)] = make_float2(sums.at(h, pair, 0), sums.at(h, pair, 1));
      }
    __syncthreads();
    if (warp_ >= 2) return false;
    out.first_row = first_row + warp_ * 8 + (lane_ >> 2);
    out.first_column = first_column_ + (lane_ & 3) * 2;
    out.clear();
#pragma unroll
    for (int pair = 0; pair < kPairs; ++pair)
#pragma unroll
      for (int warp = 0; warp < kWarps; ++warp) {
        const float2 other = parts_[part(warp, warp_, pair)];
        out.at(0, pair, 0) += other.x;
        out.at(0, pair, 1) += other.y;
      }
    return true;
  }

 private:
  static constexpr int kPieces = P == Precision::float32 ? 2 : 1;  // of 16 bytes that a lane reads of a row in a step
  static constexpr int kChunk = 16 / static_cast<int>(sizeof(Element<P>));
  static constexpr int kDepth = (P == Precision::float32 ? kPieces : 4) * kChunk;
  /// Rows of the weight that a lane reads: its columns, or in halves those that mma has it read for the warp.
  static constexpr int kWeightLines = P == Precision::float32 ? 2 * kPairs : kPairs;

  /// What a lane reads for one step. In halves the four lanes of a row read 16 bytes each; which numbers of the depth
  /// mma takes for which does not matter, as long as both operands agree.
  struct Fragments {
    uint4 rows[kPlanes<P>][2][kPieces];
    uint4 weights[kPlanes<P>][kWeightLines][kPieces];
  };

  __device__ __forceinline__ int part(int warp, int h, int pair) const {
    return ((warp * 2 + h) * kPairs + pair) * 32 + lane_;
  }
  /// Of the piece in what a step reads of a row.
  __device__ __forceinline__ int chunk(int piece) const { return P == Precision::float32 ? piece : lane_ & 3; }

  static __device__ __forceinline__ const void* plane_of(const Operand& operand, int plane) {
    return plane == 0 ? operand.high : operand.low;
  }
  static __device__ __forceinline__ uint4 read(const void* numbers, size_t at) {
    return *reinterpret_cast<const uint4*>(static_cast<const Element<P>*>(numbers) + at);
  }

  __device__ __forceinline__ void load_weights(int step, Fragments& to) const {
#pragma unroll
    for (int line = 0; line < kWeightLines; ++line) {
      const int column = P == Precision::float32 ? line / 2 * 8 + (lane_ & 3) * 2 + line % 2 : line * 8 + (lane_ >> 2);
      const size_t begin = static_cast<size_t>(first_column_ + column) * static_cast<size_t>(product_.weight.stride);
#pragma unroll
      for (int plane = 0; plane < kPlanes<P>; ++plane)
#pragma unroll
        for (int piece = 0; piece < kPieces; ++piece) {
          to.weights[plane][line][piece] =
              read(plane_of(product_.weight, plane), begin + step * kDepth + chunk(piece) * kChunk);
        }
    }
  }

  __device__ __forceinline__ void load_rows(int step, Fragments& to) const {
    const int column = step * kDepth;
    const bool second = column >= product_.inputs[0].columns;
    const Operand& operand = product_.inputs[second ? 1 : 0].operand;
    const int begin = second ? column - product_.inputs[0].columns : column;
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const auto row = static_cast<size_t>(second ? rows_[1][h] : rows_[0][h]);
#pragma unroll
      for (int plane = 0; plane < kPlanes<P>; ++plane)
#pragma unroll
        for (int piece = 0; piece < kPieces; ++piece) {
          to.rows[plane][h][piece] =
              read(plane_of(operand, plane), row * static_cast<size_t>(operand.stride) + begin + chunk(piece) * kChunk);
        }
    }
  }

  static __device__ __forceinline__ void multiply(const Fragments& fragments, TileSums<2, 1>& sums) {
    if constexpr (P == Precision::float32) {
#pragma unroll
      for (int piece = 0; piece < kPieces; ++piece)
#pragma unroll
        for (int h = 0; h < 2; ++h)
#pragma unroll
          for (int line = 0; line < kWeightLines; ++line) {
            float& sum = sums.at(h, line / 2, line % 2);
            const uint4 &a = fragments.rows[0][h][piece], &b = fragments.weights[0][line][piece];
            sum = fmaf(__uint_as_float(a.x), __uint_as_float(b.x), sum);
            sum = fmaf(__uint_as_float(a.y), __uint_as_float(b.y), sum);
            sum = fmaf(__uint_as_float(a.z), __uint_as_float(b.z), sum);
            sum = fmaf(__uint_as_float(a.w), __uint_as_float(b.w), sum);
          }
    } else {
#pragma unroll
      for (int pair = 0; pair < kPairs; ++pair) {
        if constexpr (P == Precision::exact) {  // the product of both low halves is below the last bit of a float
          multiply_planes(fragments, 1, 0, pair, sums);
          multiply_planes(fragments, 0, 1, pair, sums);
        }
        multiply_planes(fragments, 0, 0, pair, sums);
      }
    }
  }

  static __device__ __forceinline__ void multiply_planes(const Fragments& fragments, int row_plane, int weight_plane,
                                                         int pair, TileSums<2, 1>& sums) {
    const uint4 *a = &fragments.rows[row_plane][0][0], &b = fragments.weights[weight_plane][pair][0];
    const unsigned first[4] = {a[0].x, a[1].x, a[0].y, a[1].y}, second[4] = {a[0].z, a[1].z, a[0].w, a[1].w};
    mma_m16n8k16(sums.sums[0][pair], first, b.x, b.y);
    mma_m16n8k16(sums.sums[0][pair], second, b.z, b.w);
  }

  const Product& product_;
  float2* parts_;  // [warp, half of the rows, pair of columns, lane]
  int warp_, lane_, first_column_, steps_;
  int rows_[2][2];
  Fragments next_;
};

}  // namespace showtell::cuda
