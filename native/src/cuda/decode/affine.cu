#include "cuda/decode/activation.h"
#include "cuda/decode/products.h"
#include "cuda/decode/tile_choice.h"

namespace showtell::cuda {

namespace {

template <typename Tile>
__global__ void __launch_bounds__(Tile::kThreads, Tile::kBlocks) affine_kernel(const __grid_constant__ AffineMap map) {
  for_product_tile<Tile>(map.product, [&](const auto& sums, int rows) {
    constexpr Precision P = Tile::kPrecision;
#pragma unroll
    for (int r = 0; r < Tile::Sums::kRows; ++r) {
      const int row = sums.row(r);
      if (row >= rows) continue;
#pragma unroll
      for (int pair = 0; pair < Tile::Sums::kGroups * 4; ++pair)
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          const int column = sums.column(pair) + e;
          const float bias = map.bias != nullptr ? map.bias[column] : 0.0f;
          const float value = activate<P>(map.activation, sums.at(r, pair, e) + bias);
          if (column < map.out.stride) {
            store_number<P>(map.out, static_cast<size_t>(row) * static_cast<size_t>(map.out.stride) + column, value);
          }
          if (column < map.float_columns) {
            map.floats[static_cast<size_t>(row) * static_cast<size_t>(map.float_columns) + column] = value;
          }
        }
    }
  });
}

}  // namespace

cudaError_t launch_affine(const DecodeStream& stream, int most_rows, int columns, const AffineMap& map) {
  return with_tile(stream, most_rows, [&](auto tag) {
    using Tile = typename decltype(tag)::Type;
    return launch_tiles<Tile>(stream, affine_kernel<Tile>, most_rows, columns, map);
  });
}

}  // namespace showtell::cuda
