// Which tile multiplies. Included by the files of the kernels alone: each tile is a kernel more.
#pragma once

#include "cuda/decode/few_rows_tile.h"
#include "cuda/decode/mma_tile.h"
#include "cuda/decode/warpgroup_tile.h"

namespace showtell::cuda {

template <typename Tile>
struct TileTag {
  using Type = Tile;
};

/// Calls run(TileTag<...>) for the tile of a product of at most so many rows.
template <typename Run>
cudaError_t with_tile(const DecodeStream& stream, int most_rows, const Run& run) {
  return with_precision(stream.precision, [&](auto p) {
    constexpr Precision P = p();
    if (most_rows <= stream.choice.few_rows) return run(TileTag<FewRowsTile<P>>{});
    if constexpr (P != Precision::float32) {
      if (stream.choice.wgmma) {
        return most_rows <= stream.choice.many_rows ? run(TileTag<WarpgroupTile<P, 1>>{})
                                                    : run(TileTag<WarpgroupTile<P, 2>>{});
      }
    }
    return run(TileTag<MmaTile<P>>{});
  });
}

}  // namespace showtell::cuda
