// Dropout masks drawn from counters: packages/core/src/decoder/dropout-mask.ts, bit for bit.
#pragma once

#include "base/cpu_context.h"

namespace showtell {

enum class DropoutSite : std::uint32_t {
  image = 1,
  embedding = 2,
  input = 3,
  recurrent = 4,
  attention_value = 5,
  attention_output = 6,
  output = 7,
};

/// mask[i, columns] for the mask row `rows[i]` at time step `steps[i]` (0 where steps is null): 0 or 1 / (1 - rate).
void draw_dropout_masks(CpuContext& context, std::uint64_t seed, DropoutSite site, Index layer, double rate,
                        Index count, const std::int32_t* rows, const std::int32_t* steps, Index columns, float* mask);

/// x *= y, element by element.
void multiply(CpuContext& context, Index count, float* x, const float* y);
void multiply_to(CpuContext& context, Index count, float* out, const float* x, const float* y);

}  // namespace showtell
