// Draws from the distribution over the next token.
#pragma once

#include "base/cpu_context.h"

namespace showtell {

struct TokenDraws {
  /// [rows] A row's token is where its cumulative distribution passes its number, of [0, 1). Below 0: the likeliest
  /// token, the lower of equal ones.
  const double* uniforms = nullptr;
  /// Logits are divided by it.
  double temperature = 1;
};

/// Of softmax(logits / temperature) over all tokens but the three that no caption has: padding, start and unknown.
/// `logits` [rows, classes] are overwritten. Throws an option error where a row is not finite.
void draw_tokens(CpuContext& context, Index rows, Index classes, float* logits, const TokenDraws& draws,
                 std::int32_t* drawn);

}  // namespace showtell
