// IEEE half precision: round to nearest even, subnormal numbers kept. Storage and conversions; arithmetic is in float.
#pragma once

#include "emulation/arithmetic.h"
#include "emulation/language.h"

namespace cuda_emulation {

inline std::uint16_t to_half_bits(float value) {
#ifdef __F16C__
  return static_cast<std::uint16_t>(
      __builtin_ia32_vcvtps2ph((__attribute__((vector_size(16))) float){value, 0, 0, 0}, 0)[0]);
#else
  const std::uint32_t bits = __float_as_uint(value), sign = bits >> 16 & 0x8000;
  std::uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return static_cast<std::uint16_t>(sign | 0x7e00);
  if (magnitude >= 0x477ff000) return static_cast<std::uint16_t>(sign | 0x7c00);
  if (magnitude < 0x38800000) {  // subnormal: adding 0.5 leaves the rounded fraction in the lowest bits
    const float shifted = __uint_as_float(magnitude) + 0.5f;
    return static_cast<std::uint16_t>(sign | (__float_as_uint(shifted) - 0x3f000000));
  }
  magnitude += (magnitude >> 13 & 1) + 0xfff;
  return static_cast<std::uint16_t>(sign | (magnitude - 0x38000000) >> 13);
#endif
}

inline float from_half_bits(std::uint16_t bits) {
#ifdef __F16C__
  return __builtin_ia32_vcvtph2ps(
      (__attribute__((vector_size(16))) short){static_cast<short>(bits), 0, 0, 0, 0, 0, 0, 0})[0];
#else
  const std::uint32_t sign = (bits & 0x8000u) << 16, magnitude = (bits & 0x7fffu) << 13;
  const std::uint32_t exponent = magnitude & 0x0f800000;
  if (exponent == 0x0f800000) return __uint_as_float(sign | (magnitude + 0x70000000));
  if (exponent != 0) return __uint_as_float(sign | (magnitude + 0x38000000));
  return __uint_as_float(sign | __float_as_uint(__uint_as_float(magnitude + 0x38800000) - 0x1p-14f));
#endif
}

}  // namespace cuda_emulation

struct half {
  std::uint16_t bits;
};
struct alignas(4) half2 {
  half x, y;
};
using __half = half;
using __half2 = half2;
inline half __float2half(float value) { return {cuda_emulation::to_half_bits(value)}; }
inline half __float2half_rn(float value) { return __float2half(value); }
inline float __half2float(half value) { return cuda_emulation::from_half_bits(value.bits); }
inline half __ushort_as_half(unsigned short bits) { return {bits}; }
inline unsigned short __half_as_ushort(half value) { return value.bits; }
inline half2 __floats2half2_rn(float a, float b) { return {__float2half(a), __float2half(b)}; }
inline float __low2float(half2 pair) { return __half2float(pair.x); }
inline float __high2float(half2 pair) { return __half2float(pair.y); }
inline float2 __half22float2(half2 pair) { return {__low2float(pair), __high2float(pair)}; }
