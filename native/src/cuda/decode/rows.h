// Kernels that turn floats into operands: packed weights, features and normalised rows.
#pragma once

#include "cuda/decode/decode_stream.h"

namespace showtell::cuda {

/// out[n, column_offset + k] = weight[k * depth_stride + column * column_stride] with zeros around it, where column is
/// n, or, with hidden_size, the place of gate_column(n) in gates of hidden_size units each.
struct WeightPacking {
  const float* weight = nullptr;
  long long depth_stride = 0, column_stride = 1;
  int depth = 0, columns = 0;
  int hidden_size = 0;  // 0: columns as they are
  Operand out;          // rows: out_rows
  int column_offset = 0, padded_depth = 0, out_rows = 0;
};

/// The same for a bias: out[out_columns].
struct BiasPacking {
  const float* bias = nullptr;  // null for zeros
  int columns = 0, hidden_size = 0;
  float* out = nullptr;
  int out_columns = 0;
};

/// Rows as operands, normalised on the way. Reads `floats` [rows, columns] or, where that is null, `operand` through
/// `rows_of_operand`.
struct RowConversion {
  const float* floats = nullptr;
  Operand operand;
  const int* rows_of_operand = nullptr;
  int columns = 0;
  const int* row_count = nullptr;  // on the device
  int rows_per_count = 1;
  enum class Kind { copy, batch, layer } kind = Kind::copy;
  const float *gamma = nullptr, *beta = nullptr, *mean = nullptr, *variance = nullptr;
  Operand out;
};

cudaError_t launch_weight_packing(Precision precision, cudaStream_t stream, const WeightPacking& packing);
cudaError_t launch_bias_packing(cudaStream_t stream, const BiasPacking& packing);
cudaError_t launch_row_conversion(const DecodeStream& stream, int most_rows, const RowConversion& rows);

}  // namespace showtell::cuda
