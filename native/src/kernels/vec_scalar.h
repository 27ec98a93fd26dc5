// One float: the reference meaning of every operation, and the kernels of processors without a set of their own.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/words_plain.h"

namespace showtell::SHOWTELL_ISA {

struct Vec {
  float v;
};
struct Mask {
  bool v;
};
constexpr int kWidth = 1;

inline Vec load(const float* p) { return {*p}; }
inline void store(float* p, Vec a) { *p = a.v; }
inline Vec set1(float a) { return {a}; }
inline Vec fma(Vec a, Vec b, Vec c) { return {a.v * b.v + c.v}; }
inline Vec operator+(Vec a, Vec b) { return {a.v + b.v}; }
inline Vec operator-(Vec a, Vec b) { return {a.v - b.v}; }
inline Vec operator*(Vec a, Vec b) { return {a.v * b.v}; }
inline Vec operator/(Vec a, Vec b) { return {a.v / b.v}; }
inline Vec maximum(Vec a, Vec b) { return {a.v > b.v ? a.v : b.v}; }
inline Vec minimum(Vec a, Vec b) { return {a.v < b.v ? a.v : b.v}; }
inline Vec square_root(Vec a) { return {std::sqrt(a.v)}; }
inline Vec round_even(Vec a) { return {std::nearbyint(a.v)}; }
/// 2^n for integral n in [-126, 127].
inline Vec power_of_two(Vec n) {
  const std::uint32_t bits = static_cast<std::uint32_t>(static_cast<std::int32_t>(n.v) + 127) << 23;
  float result;
  std::memcpy(&result, &bits, sizeof(result));
  return {result};
}
inline Vec absolute(Vec a) { return {std::fabs(a.v)}; }
inline Vec with_sign_of(Vec magnitude, Vec sign) { return {std::copysign(magnitude.v, sign.v)}; }
inline Mask greater(Vec a, Vec b) { return {a.v > b.v}; }
inline Vec select(Mask m, Vec yes, Vec no) { return m.v ? yes : no; }
inline bool any(Mask m) { return m.v; }
inline float sum(Vec a) { return a.v; }
inline float largest(Vec a) { return a.v; }
/// Rows become columns.
inline void transpose(Vec (&)[kWidth]) {}

}  // namespace showtell::SHOWTELL_ISA
