// Activations of affine maps, in decoding and in training.
#pragma once

#include <cstdint>

namespace showtell::cuda {

enum class Activation : std::int32_t { identity, tanh, relu };

}  // namespace showtell::cuda
