#include "cuda/decode/products.h"

namespace showtell::cuda {

namespace {

template <Precision P>
__global__ void __launch_bounds__(kProductThreads, kProductBlocks)
    logits_kernel(const __grid_constant__ LogitsMap map) {
  for_product_tile<P>(map.product, [&](const TileSums& tile, int rows) {
    const auto stride = static_cast<size_t>(gridDim.x) * kTileColumns;
    const auto ranges = static_cast<size_t>(gridDim.x) * (kTileColumns / kWarpColumns);
    const int range = tile.first_column / kWarpColumns;
#pragma unroll
    for (int i = 0; i < 2; ++i)
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const int row = tile.row(i, h);
        const bool inside = row < rows;
        float2 logits[8];
        float most = -3.4e38f;  // finite, so that the exponent of -infinity minus it is not NaN
#pragma unroll
        for (int j = 0; j < 8; ++j) {
          const int column = tile.column(j);
          logits[j].x = column < map.columns ? tile.sums[i][j][h * 2] + map.bias[column] : -INFINITY;
          logits[j].y = column + 1 < map.columns ? tile.sums[i][j][h * 2 + 1] + map.bias[column + 1] : -INFINITY;
          most = fmaxf(most, fmaxf(logits[j].x, logits[j].y));
        }
        most = fmaxf(most, __shfl_xor_sync(~0u, most, 1));
        most = fmaxf(most, __shfl_xor_sync(~0u, most, 2));
        float sum = 0.0f;
#pragma unroll
        for (int j = 0; j < 8; ++j) sum += exponential<P>(logits[j].x - most) + exponential<P>(logits[j].y - most);
        sum += __shfl_xor_sync(~0u, sum, 1);
        sum += __shfl_xor_sync(~0u, sum, 2);
        if (!inside) continue;
        float* out = map.logits + static_cast<size_t>(row) * stride;
#pragma unroll
        for (int j = 0; j < 8; ++j) *reinterpret_cast<float2*>(out + tile.column(j)) = logits[j];
        if ((threadIdx.x & 3) == 0) map.ranges[static_cast<size_t>(row) * ranges + range] = make_float2(most, sum);
      }
  });
}

}  // namespace

cudaError_t launch_logits(Precision precision, cudaStream_t stream, int most_rows, const LogitsMap& map) {
  return with_precision(precision, [&](auto p) {
    return launch(logits_kernel<p()>, product_grid(most_rows, map.columns), dim3(kProductThreads), kProductSharedBytes,
                  stream, map);
  });
}

}  // namespace showtell::cuda
