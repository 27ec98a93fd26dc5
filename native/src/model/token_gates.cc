#include "model/token_gates.h"

namespace showtell {

namespace {
// Beyond it the table would cost more memory than the product saves time.
constexpr Index kMostTableFloats = Index{1} << 26;
}  // namespace

void TokenGates::reset(Index vocab_size, Index width) {
  width_ = width;
  known_.reset();
  if (vocab_size * width > kMostTableFloats) return;
  table_.reserve(vocab_size * width);
  known_.reset(new std::atomic<bool>[static_cast<std::size_t>(vocab_size)]());
}

}  // namespace showtell
