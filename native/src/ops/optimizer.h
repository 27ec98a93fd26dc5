// Adam (Kingma & Ba 2015, algorithm 1) over all parameters as one array, with clipping by global norm (Pascanu et al.
// 2013) and the exponential moving average of the parameters in the same pass.
#pragma once

#include "base/cpu_context.h"

namespace showtell {

struct AdamOptions {
  double learning_rate = 0, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double clip_norm = 0;       // 0: no clip
  double average_decay = -1;  // negative: no average
};

/// Square root of the sum of squares; summed in fixed chunks, so that it does not depend on the threads.
double global_norm(CpuContext& context, Index count, const float* gradient);

/// `step` counts from 1. `average` may be null.
void adam_update(CpuContext& context, const AdamOptions& options, Index step, double gradient_norm, Index count,
                 float* parameters, const float* gradient, float* first_moments, float* second_moments, float* average);

}  // namespace showtell
