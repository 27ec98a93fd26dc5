#include "ops/cross_entropy.h"

#include <vector>

namespace showtell {

double softmax_cross_entropy(CpuContext& context, Index rows, Index classes, float* logits, const std::int32_t* targets,
                             const float* weights, double smoothing, const double* gradient_scale) {
  std::vector<double> losses(static_cast<std::size_t>(rows));
  context.pool.split(rows, 4, [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row) {
      const double weight = weights == nullptr ? 1.0 : weights[row];
      losses[static_cast<std::size_t>(row)] = context.kernels.cross_entropy(
          {classes, logits + row * classes, targets[row], weight, smoothing, gradient_scale});
    }
  });
  double total = 0;
  for (const double loss : losses) total += loss;
  return total;
}

}  // namespace showtell
