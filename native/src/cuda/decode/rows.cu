#include "cuda/decode/rows.h"

#include "cuda/decode/products.h"
#include "model/decoder_spec.h"

namespace showtell::cuda {

namespace {

constexpr int kThreads = 128;
constexpr int kRowsPerBlock = kThreads / 32;

/// Column of the packed matrix in the matrix as stored, or -1 for padding.
__device__ __forceinline__ int stored_column(int column, int columns, int hidden_size) {
  if (hidden_size == 0) return column < columns ? column : -1;
  const GateColumn at = gate_column(column);
  return at.unit < hidden_size ? at.gate * hidden_size + at.unit : -1;
}

template <Precision P>
__global__ void __launch_bounds__(kThreads) weight_packing_kernel(const __grid_constant__ WeightPacking packing) {
  const int n = static_cast<int>(blockIdx.x);
  const int column = stored_column(n, packing.columns, packing.hidden_size);
  const size_t begin = static_cast<size_t>(n) * static_cast<size_t>(packing.out.stride) + packing.column_offset;
  for (int k = static_cast<int>(threadIdx.x); k < packing.padded_depth; k += kThreads) {
    const bool inside = column >= 0 && k < packing.depth;
    store_number<P>(packing.out, begin + k,
                    inside ? packing.weight[k * packing.depth_stride + column * packing.column_stride] : 0.0f);
  }
}

__global__ void __launch_bounds__(kThreads) bias_packing_kernel(const __grid_constant__ BiasPacking packing) {
  const int n = static_cast<int>(blockIdx.x * kThreads + threadIdx.x);
  if (n >= packing.out_columns) return;
  const int column = packing.bias != nullptr ? stored_column(n, packing.columns, packing.hidden_size) : -1;
  packing.out[n] = column >= 0 ? packing.bias[column] : 0.0f;
}

__device__ __forceinline__ float warp_sum(float value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance >>= 1) value += __shfl_xor_sync(~0u, value, distance);
  return value;
}

/// A warp converts a row.
template <Precision P>
__global__ void __launch_bounds__(kThreads) row_conversion_kernel(const __grid_constant__ RowConversion conversion) {
  begin_after_predecessor();
  const int row = static_cast<int>(blockIdx.x) * kRowsPerBlock + static_cast<int>(threadIdx.x >> 5);
  const int lane = static_cast<int>(threadIdx.x & 31);
  if (row >= *conversion.row_count * conversion.rows_per_count) return;
  const int columns = conversion.columns;
  const int operand_row = conversion.rows_of_operand != nullptr ? conversion.rows_of_operand[row] : row;
  const auto value = [&](int column) {
    if (conversion.floats != nullptr) {
      return conversion.floats[static_cast<size_t>(row) * static_cast<size_t>(columns) + column];
    }
    return load_number<P>(conversion.operand,
                          static_cast<size_t>(operand_row) * static_cast<size_t>(conversion.operand.stride) + column);
  };
  float mean = 0.0f, scale = 1.0f;
  if (conversion.kind == RowConversion::Kind::layer) {
    float sum = 0.0f;
    for (int column = lane; column < columns; column += 32) sum += value(column);
    mean = warp_sum(sum) / static_cast<float>(columns);
    float squares = 0.0f;
    for (int column = lane; column < columns; column += 32) {
      const float difference = value(column) - mean;
      squares += difference * difference;
    }
    scale = 1.0f / sqrtf(warp_sum(squares) / static_cast<float>(columns) + static_cast<float>(kLayerNormEpsilon));
  }
  const size_t begin = static_cast<size_t>(row) * static_cast<size_t>(conversion.out.stride);
  for (int column = lane; column < conversion.out.stride; column += 32) {
    float out = 0.0f;
    if (column < columns) {
      out = value(column);
      if (conversion.kind == RowConversion::Kind::batch) {
        const float spread = sqrtf(conversion.variance[column] + static_cast<float>(kBatchNormEpsilon));
        out = (out - conversion.mean[column]) * (conversion.gamma[column] / spread) + conversion.beta[column];
      } else if (conversion.kind == RowConversion::Kind::layer) {
        out = (out - mean) * scale * conversion.gamma[column] + conversion.beta[column];
      }
    }
    store_number<P>(conversion.out, begin + column, out);
  }
}

}  // namespace

cudaError_t launch_weight_packing(Precision precision, cudaStream_t stream, const WeightPacking& packing) {
  return with_precision(precision, [&](auto p) {
    return launch(weight_packing_kernel<p()>, dim3(static_cast<unsigned>(packing.out_rows)), dim3(kThreads), 0, stream,
                  packing);
  });
}

cudaError_t launch_bias_packing(cudaStream_t stream, const BiasPacking& packing) {
  const auto blocks = static_cast<unsigned>((packing.out_columns + kThreads - 1) / kThreads);
  return launch(bias_packing_kernel, dim3(blocks), dim3(kThreads), 0, stream, packing);
}

cudaError_t launch_row_conversion(const DecodeStream& stream, int most_rows, const RowConversion& rows) {
  const auto blocks = static_cast<unsigned>((most_rows + kRowsPerBlock - 1) / kRowsPerBlock);
  return with_precision(stream.precision, [&](auto p) {
    return stream.launch(row_conversion_kernel<p()>, dim3(blocks), dim3(kThreads), 0, rows);
  });
}

}  // namespace showtell::cuda
