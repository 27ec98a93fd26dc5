// What each word contributes to the gates of the first layer: a table that is filled as words are met, because captions
// use few of the words and a first caption should not wait for all of them. Threads may share one.
#pragma once

#include <algorithm>
#include <atomic>
#include <iterator>
#include <memory>
#include <mutex>
#include <vector>

#include "base/cpu_context.h"

namespace showtell {

class TokenGates {
 public:
  /// Nothing is known; `enabled()` is false where the table would be too large.
  void reset(Index vocab_size, Index width);
  bool enabled() const { return known_ != nullptr; }
  const float* data() const { return table_.data(); }  // [vocab_size, width]; rows of known words

  /// Makes the rows of `tokens` known; `compute(tokens, count, gates)` writes those that are not, [count, width].
  template <typename Compute>
  void fill(CpuContext& context, const std::int32_t* tokens, Index count, const Compute& compute);

 private:
  bool is_known(std::int32_t token) const {
    return known_[static_cast<std::size_t>(token)].load(std::memory_order_acquire);
  }

  Index width_ = 0;
  AlignedBuffer table_;
  std::unique_ptr<std::atomic<bool>[]> known_;
  std::mutex filling_;
};

template <typename Compute>
void TokenGates::fill(CpuContext& context, const std::int32_t* tokens, Index count, const Compute& compute) {
  if (std::all_of(tokens, tokens + count, [&](std::int32_t token) { return is_known(token); })) return;
  const std::lock_guard<std::mutex> filling(filling_);
  std::vector<std::int32_t> fresh;
  std::copy_if(tokens, tokens + count, std::back_inserter(fresh), [&](std::int32_t token) { return !is_known(token); });
  std::sort(fresh.begin(), fresh.end());
  fresh.erase(std::unique(fresh.begin(), fresh.end()), fresh.end());
  const auto size = static_cast<Index>(fresh.size());
  float* gates = context.arena.floats(size * width_);
  compute(fresh.data(), size, gates);
  for (Index row = 0; row < size; ++row) {
    const auto token = static_cast<std::size_t>(fresh[static_cast<std::size_t>(row)]);
    std::copy_n(gates + row * width_, width_, table_.data() + static_cast<Index>(token) * width_);
    known_[token].store(true, std::memory_order_release);
  }
}

}  // namespace showtell
