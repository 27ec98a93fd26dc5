#include "base/arena.h"

#include <algorithm>
#include <cstring>

namespace showtell {

namespace {
constexpr Index kSmallestBlock = Index{1} << 18;
}

float* Arena::floats(Index count) {
  const Index size = round_up(std::max<Index>(count, 1), kAlignedFloats);
  if (blocks_.empty() || used_ + size > blocks_.back().size()) {
    blocks_.emplace_back(std::max(size, kSmallestBlock));
    used_ = 0;
  }
  float* result = blocks_.back().data() + used_;
  used_ += size;
  return result;
}

float* Arena::zeros(Index count) {
  float* result = floats(count);
  std::memset(result, 0, static_cast<std::size_t>(count) * sizeof(float));
  return result;
}

void Arena::reset() {
  if (blocks_.size() > 1) {
    const Index total = capacity();
    blocks_.clear();
    blocks_.emplace_back(total);
  }
  used_ = 0;
}

Index Arena::capacity() const {
  Index total = 0;
  for (const auto& block : blocks_) total += block.size();
  return total;
}

}  // namespace showtell
