#include "ops/top_k.h"

#include <cmath>

namespace showtell {

double checked_log_sum_exp(const Kernels& kernels, const float* logits, Index count) {
  const double normalizer = kernels.log_sum_exp(logits, count);
  if (!std::isfinite(normalizer)) throw logits_not_finite();
  return normalizer;
}

void top_k_row(const Kernels& kernels, const float* logits, Index count, double normalizer, Index row, TopK& out) {
  float* values = out.log_probs.data() + row * out.k;
  const int found = kernels.top_k(logits, count, static_cast<int>(out.k), values, out.indices.data() + row * out.k);
  for (int at = 0; at < found; ++at) values[at] = static_cast<float>(static_cast<double>(values[at]) - normalizer);
  out.counts[static_cast<std::size_t>(row)] = found;
}

}  // namespace showtell
