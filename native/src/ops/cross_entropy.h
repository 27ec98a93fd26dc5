// Softmax cross-entropy with token weights and label smoothing (Szegedy et al. 2016, section 7).
#pragma once

#include "base/cpu_context.h"

namespace showtell {

/// Sum over rows of weight * cross-entropy. With gradient_scale, logits[rows, classes] become their gradient times that
/// scale.
double softmax_cross_entropy(CpuContext& context, Index rows, Index classes, float* logits, const std::int32_t* targets,
                             const float* weights, double smoothing, const double* gradient_scale);

}  // namespace showtell
