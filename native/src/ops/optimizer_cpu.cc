#include "ops/optimizer.h"

#include <cmath>
#include <vector>

namespace showtell {

namespace {
constexpr Index kChunk = 16'384;
}

double global_norm(CpuContext& context, Index count, const float* gradient) {
  const Index chunks = (count + kChunk - 1) / kChunk;
  std::vector<double> sums(static_cast<std::size_t>(chunks));
  context.pool.split(chunks, 1, [&](Index begin, Index end) {
    for (Index chunk = begin; chunk < end; ++chunk) {
      const Index from = chunk * kChunk;
      sums[static_cast<std::size_t>(chunk)] =
          context.kernels.sum_of_squares(gradient + from, std::min(kChunk, count - from));
    }
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  return std::sqrt(total);
}

void adam_update(CpuContext& context, const AdamOptions& options, Index step, double gradient_norm, Index count,
                 float* parameters, const float* gradient, float* first_moments, float* second_moments,
                 float* average) {
  const bool clipped = options.clip_norm > 0 && gradient_norm > options.clip_norm;
  AdamStep adam{};
  adam.gradient_scale = static_cast<float>(clipped ? options.clip_norm / gradient_norm : 1.0);
  adam.learning_rate = static_cast<float>(options.learning_rate);
  adam.beta1 = static_cast<float>(options.beta1);
  adam.rest1 = static_cast<float>(1 - options.beta1);
  adam.beta2 = static_cast<float>(options.beta2);
  adam.rest2 = static_cast<float>(1 - options.beta2);
  adam.correction1 = static_cast<float>(1 / (1 - std::pow(options.beta1, static_cast<double>(step))));
  adam.correction2 = static_cast<float>(1 / (1 - std::pow(options.beta2, static_cast<double>(step))));
  adam.epsilon = static_cast<float>(options.epsilon);
  adam.average_decay = static_cast<float>(options.average_decay);
  adam.average_rest = static_cast<float>(1 - options.average_decay);
  const Index chunks = (count + kChunk - 1) / kChunk;
  context.pool.split(chunks, 1, [&](Index begin, Index end) {
    const Index from = begin * kChunk;
    const Index size = std::min(count, end * kChunk) - from;
    context.kernels.adam(adam, size, parameters + from, gradient + from, first_moments + from, second_moments + from,
                         average == nullptr ? nullptr : average + from);
  });
}

}  // namespace showtell
