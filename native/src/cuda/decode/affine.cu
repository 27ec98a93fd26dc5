#include "cuda/decode/products.h"

namespace showtell::cuda {

namespace {

template <Precision P>
__global__ void __launch_bounds__(kProductThreads, kProductBlocks)
    affine_kernel(const __grid_constant__ AffineMap map) {
  for_product_tile<P>(map.product, [&](const TileSums& tile, int rows) {
#pragma unroll
    for (int i = 0; i < 2; ++i)
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const int row = tile.row(i, h);
        if (row >= rows) continue;
#pragma unroll
        for (int j = 0; j < 8; ++j)
#pragma unroll
          for (int e = 0; e < 2; ++e) {
            const int column = tile.column(j) + e;
            const float bias = map.bias != nullptr ? map.bias[column] : 0.0f;
            const float value = activate<P>(map.activation, tile.sums[i][j][h * 2 + e] + bias);
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

cudaError_t launch_affine(Precision precision, cudaStream_t stream, int most_rows, int columns, const AffineMap& map) {
  return with_precision(precision, [&](auto p) {
    return launch(affine_kernel<p()>, product_grid(most_rows, columns), dim3(kProductThreads), kProductSharedBytes,
                  stream, map);
  });
}

}  // namespace showtell::cuda
