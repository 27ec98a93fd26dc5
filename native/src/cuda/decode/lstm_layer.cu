#include "cuda/decode/products.h"

namespace showtell::cuda {

namespace {

template <Precision P>
__global__ void __launch_bounds__(kProductThreads, kProductBlocks)
    lstm_kernel(const __grid_constant__ LstmLayer layer) {
  for_product_tile<P>(layer.product, [&](const TileSums& tile, int rows) {
    const auto gate = [&](float x) { return layer.hard_sigmoid ? hard_sigmoid(x) : sigmoid<P>(x); };
    const auto stride = static_cast<size_t>(layer.hidden.stride);
#pragma unroll
    for (int i = 0; i < 2; ++i)
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const int row = tile.row(i, h);
        if (row >= rows) continue;
        const auto source = static_cast<size_t>(layer.sources != nullptr ? layer.sources[row] : row);
        const auto gate_row = static_cast<size_t>(layer.gate_rows != nullptr ? layer.gate_rows[row] : row);
        const float* added = layer.gates + gate_row * static_cast<size_t>(layer.gate_stride);
#pragma unroll
        for (int group = 0; group < 2; ++group)
#pragma unroll
          for (int e = 0; e < 2; ++e) {
            float z[4];
#pragma unroll
            for (int q = 0; q < 4; ++q) {
              z[q] = tile.sums[i][group * 4 + q][h * 2 + e] + added[tile.column(group * 4 + q) + e];
            }
            const auto unit = static_cast<size_t>(gate_column(tile.column(group * 4) + e).unit);
            const float previous = layer.cell != nullptr ? layer.cell[source * stride + unit] : 0.0f;
            const float cell = fmaf(gate(z[1]), previous, gate(z[0]) * hyperbolic_tangent<P>(z[2]));
            const size_t at = static_cast<size_t>(row) * stride + unit;
            layer.next_cell[at] = cell;
            store_number<P>(layer.hidden, at, gate(z[3]) * hyperbolic_tangent<P>(cell));
          }
      }
  });
}

}  // namespace

cudaError_t launch_lstm(Precision precision, cudaStream_t stream, int most_rows, const LstmLayer& layer) {
  return with_precision(precision, [&](auto p) {
    return launch(lstm_kernel<p()>, product_grid(most_rows, 4 * layer.hidden.stride), dim3(kProductThreads),
                  kProductSharedBytes, stream, layer);
  });
}

}  // namespace showtell::cuda
