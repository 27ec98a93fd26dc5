// IEEE 754 binary16, as its bits: for storing. Values are floats wherever they are computed with.
#pragma once

#include <cstdint>
#include <cstring>

#include "base/aligned_buffer.h"

namespace showtell {

template <typename To, typename From>
To with_bits_of(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

/// The float of a half; exact. Written so that a loop over it becomes vector code for any processor.
inline float widen_half(std::uint16_t bits) {
  const std::uint32_t sign = (bits & 0x8000u) << 16, magnitude = (bits & 0x7fffu) << 13;
  // The exponent counts from another zero; an infinity's or a NaN's becomes all ones again.
  const std::uint32_t normal = magnitude + (magnitude >= 0x0f800000u ? 0x70000000u : 0x38000000u);
  // A subnormal half is a fraction of 2^-14: it is put behind a one, which is then taken off.
  const float fraction = with_bits_of<float>(magnitude + 0x38800000u) - 0x1p-14f;
  return with_bits_of<float>(sign | (magnitude < 0x00800000u ? with_bits_of<std::uint32_t>(fraction) : normal));
}

inline void widen_halves(const std::uint16_t* halves, Index count, float* values) {
  for (Index at = 0; at < count; ++at) values[at] = widen_half(halves[at]);
}

}  // namespace showtell
