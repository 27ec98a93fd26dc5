// 32-bit words in plain loops, for instruction sets without a widening multiply worth its own text.
#pragma once

#include <cstdint>

namespace showtell::SHOWTELL_ISA {

constexpr int kWordLanes = 8;
struct Words {
  std::uint32_t v[kWordLanes];
};

/// The same word in every lane.
inline Words words(std::uint32_t a) {
  Words result;
  for (auto& word : result.v) word = a;
  return result;
}
/// first, first + 1, ...
inline Words counting_words(std::uint32_t first) {
  Words result;
  for (auto& word : result.v) word = first++;
  return result;
}
inline Words operator^(Words a, Words b) {
  for (int lane = 0; lane < kWordLanes; ++lane) a.v[lane] ^= b.v[lane];
  return a;
}
/// Halves of the 64-bit products.
inline void multiply_words(Words a, Words b, Words& high, Words& low) {
  for (int lane = 0; lane < kWordLanes; ++lane) {
    const std::uint64_t product = static_cast<std::uint64_t>(a.v[lane]) * b.v[lane];
    high.v[lane] = static_cast<std::uint32_t>(product >> 32);
    low.v[lane] = static_cast<std::uint32_t>(product);
  }
}
/// `kept` where a word is at least `threshold`, else 0.
inline void store_kept(float* p, Words a, std::uint32_t threshold, float kept) {
  for (int lane = 0; lane < kWordLanes; ++lane) p[lane] = a.v[lane] >= threshold ? kept : 0.0f;
}

}  // namespace showtell::SHOWTELL_ISA
