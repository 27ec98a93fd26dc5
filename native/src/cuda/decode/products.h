// The three kernels around a product: an affine map, an LSTM layer, the logits of a search.
#pragma once

#include "cuda/decode/activation.h"
#include "cuda/decode/product.h"

namespace showtell::cuda {

/// activation(product + bias), to an operand, to floats, or to both.
struct AffineMap {
  Product product;
  const float* bias = nullptr;  // [padded_rows(columns)] or null
  Activation activation = Activation::identity;
  Operand out;              // none where high is null; whole rows are written, padding included
  float* floats = nullptr;  // [rows, float_columns] or null
  int float_columns = 0;
};

/// One step of an LSTM layer. Gate columns lie in groups of 32: eight units times the gates i, f, g, o, so that one
/// lane holds all gates of a unit (see gate_column).
struct LstmLayer {
  Product product;
  const float* gates = nullptr;  // what is added to the product: the bias, or rows of a table with bias and input
  const int* gate_rows = nullptr;
  int gate_stride = 0;           // 0 for a bias
  const int* sources = nullptr;  // row of `cell` that a row continues; null: the same row
  const float* cell = nullptr;   // [rows, hidden stride] or null for zeros
  float* next_cell = nullptr;
  Operand hidden;  // out
  bool hard_sigmoid = false;
};

/// Logits with what log-softmax and the search for the largest need: the maximum of every kGroupColumns columns and the
/// sum of exponentials relative to it. The largest logits themselves are left to a kernel that skips, by these maxima,
/// nearly all columns: kept in registers, 2 * beam width + 4 of them would cost far more than the product.
struct LogitsMap {
  Product product;
  const float* bias = nullptr;
  int columns = 0;           // the vocabulary; what is beyond becomes -infinity
  float* logits = nullptr;   // [rows, logits_stride(columns)]
  float2* ranges = nullptr;  // [rows, range_count(columns)]: maximum, sum of exp(logit - maximum)
};
__host__ __device__ inline int logits_stride(long long columns) { return padded_rows(columns); }
__host__ __device__ inline int range_count(long long columns) {
  return static_cast<int>((columns + kGroupColumns - 1) / kGroupColumns);
}

/// Column of gate `gate` of unit `unit` in packed weights, and back.
struct GateColumn {
  int unit, gate;
};
__device__ __forceinline__ GateColumn gate_column(int column) {
  return {(column >> 5) * 8 + (column & 7), column >> 3 & 3};
}

cudaError_t launch_affine(const DecodeStream& stream, int most_rows, int columns, const AffineMap& map);
cudaError_t launch_lstm(const DecodeStream& stream, int most_rows, const LstmLayer& layer);
cudaError_t launch_logits(const DecodeStream& stream, int most_rows, const LogitsMap& map);

}  // namespace showtell::cuda
