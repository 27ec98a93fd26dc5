// Activations on the device: as accurate as floats allow, or, in float16, as accurate as halves need.
#pragma once

#include "cuda/activation_kind.h"
#include "cuda/decode/operand.h"

namespace showtell::cuda {

template <Precision P>
__device__ __forceinline__ float sigmoid(float x) {
  if constexpr (P == Precision::float16) return __fdividef(1.0f, 1.0f + __expf(-x));
  return 1.0f / (1.0f + expf(-x));
}

__device__ __forceinline__ float hard_sigmoid(float x) { return fminf(1.0f, fmaxf(0.0f, fmaf(x, 0.2f, 0.5f))); }

template <Precision P>
__device__ __forceinline__ float hyperbolic_tangent(float x) {
  if constexpr (P == Precision::float16) return 2.0f * sigmoid<P>(2.0f * x) - 1.0f;
  return tanhf(x);
}

template <Precision P>
__device__ __forceinline__ float exponential(float x) {
  if constexpr (P == Precision::float16) return __expf(x);
  return expf(x);
}

template <Precision P>
__device__ __forceinline__ float activate(Activation activation, float x) {
  if (activation == Activation::tanh) return hyperbolic_tangent<P>(x);
  if (activation == Activation::relu) return x > 0.0f ? x : (x == x ? 0.0f : x);  // NaN stays NaN
  return x;
}

}  // namespace showtell::cuda
