// What stands in place of a word where the input of a time step is none.
#pragma once

#include <cstdint>

namespace showtell::cuda {

constexpr std::int32_t kImageInput = -1, kNoInput = -2;

}  // namespace showtell::cuda
