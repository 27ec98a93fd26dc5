// Scalars of a training step that live on the device, because the step's kernels are captured once and run many times.
#pragma once

#include <cstdint>

namespace showtell::cuda {

/// Uploaded with every batch.
struct StepInputs {
  std::uint32_t seed_low = 0, seed_high = 0;
  std::int32_t images = 0, captions = 0, tokens = 0;
  std::int32_t words = 0;  // distinct words that go in
  float label_smoothing = 0;
  float learning_rate = 0, epsilon = 0;
  double beta1 = 0, beta2 = 0, clip_norm = 0, average_decay = -1;
};

/// Outlives the step. Only float16 moves the loss scale (Micikevicius et al. 2018, section 3.2).
struct OptimizerState {
  float loss_scale = 1;
  std::int32_t steps_without_overflow = 0;
  std::int64_t step = 0;  // updates applied
};

/// Written once the whole gradient is known.
struct StepOutcome {
  double loss_sum = 0, gradient_norm = 0;
  float loss_scale = 1;  // that of the gradients of this step
  std::int32_t applied = 0;
  std::int64_t step = 0;  // updates applied so far
  // Factors of the update
  float gradient_scale = 0, learning_rate = 0, epsilon = 0;
  float beta1 = 0, rest1 = 0, beta2 = 0, rest2 = 0, correction2 = 0;
  float average_decay = 0, average_rest = 0;
};

}  // namespace showtell::cuda
