#include <cmath>
#include <limits>

#include "model/decoder_spec.h"
#include "ops/token_draws.h"

namespace showtell {

namespace {

constexpr std::int32_t kNeverWritten[] = {kPadTokenId, kStartTokenId, kUnknownTokenId};

std::int32_t likeliest(const float* logits, Index classes) {
  std::int32_t best = kEndTokenId;
  for (Index token = 0; token < classes; ++token) {
    if (logits[token] > logits[best]) best = static_cast<std::int32_t>(token);
  }
  return best;
}

std::int32_t draw(const float* weights, Index classes, double total, double uniform) {
  const double target = uniform * total;
  double cumulative = 0;
  std::int32_t last = kEndTokenId;
  for (Index token = 0; token < classes; ++token) {
    if (weights[token] == 0) continue;
    cumulative += static_cast<double>(weights[token]);
    last = static_cast<std::int32_t>(token);
    if (cumulative > target) break;
  }
  return last;
}

}  // namespace

void draw_tokens(CpuContext& context, Index rows, Index classes, float* logits, const TokenDraws& draws,
                 std::int32_t* drawn) {
  context.pool.split(rows, 1, [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row) {
      float* values = logits + row * classes;
      const double uniform = draws.uniforms[row];
      for (const auto token : kNeverWritten) values[token] = std::numeric_limits<float>::lowest();
      if (uniform < 0) drawn[row] = likeliest(values, classes);
      context.kernels.softmax(values, classes, static_cast<float>(1 / draws.temperature));
      for (const auto token : kNeverWritten) values[token] = 0;
      double total = 0;
      for (Index token = 0; token < classes; ++token) total += static_cast<double>(values[token]);
      if (!std::isfinite(total)) throw logits_not_finite();
      if (uniform >= 0) drawn[row] = draw(values, classes, total, uniform);
    }
  });
}

}  // namespace showtell
