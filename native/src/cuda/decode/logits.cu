#include "cuda/decode/activation.h"
#include "cuda/decode/products.h"
#include "cuda/decode/tile_choice.h"

namespace showtell::cuda {

namespace {

template <typename Tile>
__global__ void __launch_bounds__(Tile::kThreads, Tile::kBlocks) logits_kernel(const __grid_constant__ LogitsMap map) {
  for_product_tile<Tile>(map.product, [&](const auto& sums, int rows) {
    constexpr Precision P = Tile::kPrecision;
    const auto stride = static_cast<size_t>(logits_stride(map.columns));
    const auto ranges = static_cast<size_t>(range_count(map.columns));
#pragma unroll
    for (int r = 0; r < Tile::Sums::kRows; ++r) {
      const int row = sums.row(r);
      const bool inside = row < rows;
#pragma unroll
      for (int group = 0; group < Tile::Sums::kGroups; ++group) {
        float2 logits[4];
        float most = -3.4e38f;  // finite, so that the exponent of -infinity minus it is not NaN
#pragma unroll
        for (int q = 0; q < 4; ++q) {
          const int column = sums.column(group * 4 + q);
          const auto logit = [&](int e) {
            return column + e < map.columns ? sums.at(r, group * 4 + q, e) + map.bias[column + e] : -INFINITY;
          };
          logits[q] = make_float2(logit(0), logit(1));
          most = fmaxf(most, fmaxf(logits[q].x, logits[q].y));
        }
        most = fmaxf(most, __shfl_xor_sync(~0u, most, 1));
        most = fmaxf(most, __shfl_xor_sync(~0u, most, 2));
        float sum = 0.0f;
#pragma unroll
        for (int q = 0; q < 4; ++q) sum += exponential<P>(logits[q].x - most) + exponential<P>(logits[q].y - most);
        sum += __shfl_xor_sync(~0u, sum, 1);
        sum += __shfl_xor_sync(~0u, sum, 2);
        if (!inside) continue;
        float* out = map.logits + static_cast<size_t>(row) * stride;
#pragma unroll
        for (int q = 0; q < 4; ++q) *reinterpret_cast<float2*>(out + sums.column(group * 4 + q)) = logits[q];
        const auto range = static_cast<size_t>(sums.column(group * 4) / kGroupColumns);
        if ((threadIdx.x & 3) == 0 && range < ranges) {
          map.ranges[static_cast<size_t>(row) * ranges + range] = make_float2(most, sum);
        }
      }
    }
  });
}

}  // namespace

cudaError_t launch_logits(const DecodeStream& stream, int most_rows, const LogitsMap& map) {
  return with_tile(stream, most_rows, [&](auto tag) {
    using Tile = typename decltype(tag)::Type;
    return launch_tiles<Tile>(stream, logits_kernel<Tile>, most_rows, map.columns, map);
  });
}

}  // namespace showtell::cuda
