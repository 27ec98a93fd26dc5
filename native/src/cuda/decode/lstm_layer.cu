#include "cuda/decode/activation.h"
#include "cuda/decode/products.h"
#include "cuda/decode/tile_choice.h"

namespace showtell::cuda {

namespace {

template <typename Tile>
__global__ void __launch_bounds__(Tile::kThreads, Tile::kBlocks) lstm_kernel(const __grid_constant__ LstmLayer layer) {
  for_product_tile<Tile>(layer.product, [&](const auto& sums, int rows) {
    constexpr Precision P = Tile::kPrecision;
    const auto gate = [&](float x) { return layer.hard_sigmoid ? hard_sigmoid(x) : sigmoid<P>(x); };
    const auto stride = static_cast<size_t>(layer.hidden.stride);
#pragma unroll
    for (int r = 0; r < Tile::Sums::kRows; ++r) {
      const int row = sums.row(r);
      if (row >= rows) continue;
      const auto source = static_cast<size_t>(layer.sources != nullptr ? layer.sources[row] : row);
      const auto gate_row = static_cast<size_t>(layer.gate_rows != nullptr ? layer.gate_rows[row] : row);
      const float* added = layer.gates + gate_row * static_cast<size_t>(layer.gate_stride);
#pragma unroll
      for (int group = 0; group < Tile::Sums::kGroups; ++group)
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          float z[4];
#pragma unroll
          for (int q = 0; q < 4; ++q) {
            z[q] = sums.at(r, group * 4 + q, e) + added[sums.column(group * 4 + q) + e];
          }
          const auto unit = static_cast<size_t>(gate_column(sums.column(group * 4) + e).unit);
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

cudaError_t launch_lstm(const DecodeStream& stream, int most_rows, const LstmLayer& layer) {
  return with_tile(stream, most_rows, [&](auto tag) {
    using Tile = typename decltype(tag)::Type;
    return launch_tiles<Tile>(stream, lstm_kernel<Tile>, most_rows, 4 * layer.hidden.stride, layer);
  });
}

}  // namespace showtell::cuda
