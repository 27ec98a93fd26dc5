// Vectorised exp, tanh and sigmoid, and loops over arrays whose length is no multiple of the vector width.
// Largest errors against float64 over all of their range (tests/kernels_test.cc): exp and tanh 3e-7, sigmoid 4e-7
// relative.
#pragma once

#include "kernels/kernels.h"

namespace showtell::SHOWTELL_ISA {

/// exp for x <= 88; 1.2e-38 below -87.3 instead of smaller numbers. Reduction by Cody & Waite, polynomial of Cephes'
/// expf.
inline Vec exponential(Vec x) {
  x = minimum(set1(88.0f), maximum(set1(-87.33654f), x));  // in this order NaN stays NaN
  const Vec n = round_even(x * set1(1.44269504f));
  Vec r = fma(n, set1(-0.693359375f), x);
  r = fma(n, set1(2.12194440e-4f), r);
  Vec p = set1(1.9875691500e-4f);
  p = fma(p, r, set1(1.3981999507e-3f));
  p = fma(p, r, set1(8.3334519073e-3f));
  p = fma(p, r, set1(4.1665795894e-2f));
  p = fma(p, r, set1(1.6666665459e-1f));
  p = fma(p, r, set1(5.0000001201e-1f));
  p = fma(p, r * r, r) + set1(1.0f);
  return p * power_of_two(n);
}

inline Vec sigmoid(Vec x) { return set1(1.0f) / (set1(1.0f) + exponential(set1(0.0f) - x)); }

inline Vec hard_sigmoid(Vec x) { return minimum(set1(1.0f), maximum(set1(0.0f), fma(x, set1(0.2f), set1(0.5f)))); }

/// Odd polynomial (Cephes' tanhf) where 1 - 2 / (exp(2x) + 1) would cancel.
inline Vec hyperbolic_tangent(Vec x) {
  const Vec size = absolute(x);
  const Vec square = x * x;
  Vec p = set1(-5.70498872745e-3f);
  p = fma(p, square, set1(2.06390887954e-2f));
  p = fma(p, square, set1(-5.37397155531e-2f));
  p = fma(p, square, set1(1.33314422036e-1f));
  p = fma(p, square, set1(-3.33332819422e-1f));
  const Vec near_zero = fma(p * square, x, x);
  const Vec far = set1(1.0f) - set1(2.0f) / (exponential(size + size) + set1(1.0f));
  return select(greater(set1(0.625f), size), near_zero, with_sign_of(far, x));
}

inline Vec load_part(const float* p, Index count, float filler = 0.0f) {
  float part[kWidth];
  for (int lane = 0; lane < kWidth; ++lane) part[lane] = lane < count ? p[lane] : filler;
  return load(part);
}

inline void store_part(float* p, Vec a, Index count) {
  float part[kWidth];
  store(part, a);
  for (int lane = 0; lane < kWidth; ++lane) {
    if (lane < count) p[lane] = part[lane];
  }
}

/// Sum of the lanes in double, in order.
inline double lanes_sum(Vec a) {
  float lanes[kWidth];
  store(lanes, a);
  double total = 0;
  for (int lane = 0; lane < kWidth; ++lane) total += lanes[lane];
  return total;
}

/// Whole vectors load and store directly; the last, partial one goes through a buffer.
struct Whole {
  Vec load(const float* p) const { return SHOWTELL_ISA::load(p); }
  void store(float* p, Vec a) const { SHOWTELL_ISA::store(p, a); }
};
struct Part {
  Index count;
  Vec load(const float* p) const { return load_part(p, count); }
  void store(float* p, Vec a) const { store_part(p, a, count); }
};

/// body(access, offset) for each vector of an array.
template <typename Body>
inline void for_vectors(Index count, const Body& body) {
  Index at = 0;
  for (; at + kWidth <= count; at += kWidth) body(Whole{}, at);
  if (at < count) body(Part{count - at}, at);
}

}  // namespace showtell::SHOWTELL_ISA
