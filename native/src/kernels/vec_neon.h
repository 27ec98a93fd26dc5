// Four floats in a NEON register.
#pragma once

#include <arm_neon.h>

#include "kernels/words_plain.h"

namespace showtell::SHOWTELL_ISA {

struct Vec {
  float32x4_t v;
};
struct Mask {
  uint32x4_t v;
};
constexpr int kWidth = 4;

inline Vec load(const float* p) { return {vld1q_f32(p)}; }
inline void store(float* p, Vec a) { vst1q_f32(p, a.v); }
inline Vec set1(float a) { return {vdupq_n_f32(a)}; }
inline Vec fma(Vec a, Vec b, Vec c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
inline Vec operator+(Vec a, Vec b) { return {vaddq_f32(a.v, b.v)}; }
inline Vec operator-(Vec a, Vec b) { return {vsubq_f32(a.v, b.v)}; }
inline Vec operator*(Vec a, Vec b) { return {vmulq_f32(a.v, b.v)}; }
inline Vec operator/(Vec a, Vec b) { return {vdivq_f32(a.v, b.v)}; }
inline Vec maximum(Vec a, Vec b) { return {vmaxq_f32(a.v, b.v)}; }
inline Vec minimum(Vec a, Vec b) { return {vminq_f32(a.v, b.v)}; }
inline Vec square_root(Vec a) { return {vsqrtq_f32(a.v)}; }
inline Vec round_even(Vec a) { return {vrndnq_f32(a.v)}; }
inline Vec power_of_two(Vec n) {
  return {vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(n.v), vdupq_n_s32(127)), 23))};
}
inline Vec absolute(Vec a) { return {vabsq_f32(a.v)}; }
inline Vec with_sign_of(Vec magnitude, Vec sign) { return {vbslq_f32(vdupq_n_u32(0x80000000u), sign.v, magnitude.v)}; }
inline Mask greater(Vec a, Vec b) { return {vcgtq_f32(a.v, b.v)}; }
inline Vec select(Mask m, Vec yes, Vec no) { return {vbslq_f32(m.v, yes.v, no.v)}; }
inline bool any(Mask m) { return vmaxvq_u32(m.v) != 0; }
inline float sum(Vec a) { return vaddvq_f32(a.v); }
inline float largest(Vec a) { return vmaxvq_f32(a.v); }
/// Rows become columns.
inline void transpose(Vec (&rows)[kWidth]) {
  const float32x4x2_t low = vzipq_f32(rows[0].v, rows[2].v), high = vzipq_f32(rows[1].v, rows[3].v);
  const float32x4x2_t first = vzipq_f32(low.val[0], high.val[0]), last = vzipq_f32(low.val[1], high.val[1]);
  rows[0].v = first.val[0];
  rows[1].v = first.val[1];
  rows[2].v = last.val[0];
  rows[3].v = last.val[1];
}

}  // namespace showtell::SHOWTELL_ISA
