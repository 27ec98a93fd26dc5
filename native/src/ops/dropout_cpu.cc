#include <cmath>

#include "ops/dropout.h"

namespace showtell {

namespace {
constexpr Index kElementGrain = 16'384;
}

void draw_dropout_masks(CpuContext& context, std::uint64_t seed, DropoutSite site, Index layer, double rate,
                        Index count, const std::int32_t* rows, const std::int32_t* steps, Index columns, float* mask) {
  DropoutRow common{};
  common.key_low = static_cast<std::uint32_t>(seed);
  common.key_high = static_cast<std::uint32_t>(seed >> 32);
  common.stream = static_cast<std::uint32_t>(site) * 256 + static_cast<std::uint32_t>(layer);
  common.threshold = static_cast<std::uint32_t>(std::floor(rate * 4294967296.0));
  common.scale = static_cast<float>(1 / (1 - rate));
  context.pool.split(count, std::max<Index>(1, 4096 / columns), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      DropoutRow row = common;
      row.row = static_cast<std::uint32_t>(rows[i]);
      row.step = steps == nullptr ? 0 : static_cast<std::uint32_t>(steps[i]);
      context.kernels.dropout_mask(row, mask + i * columns, columns);
    }
  });
}

void multiply(CpuContext& context, Index count, float* x, const float* y) {
  context.pool.split(count, kElementGrain,
                     [&](Index begin, Index end) { context.kernels.multiply(x + begin, y + begin, end - begin); });
}

void multiply_to(CpuContext& context, Index count, float* out, const float* x, const float* y) {
  context.pool.split(count, kElementGrain, [&](Index begin, Index end) {
    context.kernels.multiply_to(out + begin, x + begin, y + begin, end - begin);
  });
}

}  // namespace showtell
