// How matrices lie on the device, and what a product of two of them costs. Rows are padded with zeros to a multiple of
// kColumnMultiple, so that every product runs over whole tiles; whoever writes a row writes its padding too.
#pragma once

#include <type_traits>

#include "cuda/tensor_ops.h"

namespace showtell::cuda {

/// exact: a number is the sum of two halves (22 bits) and a product three tensor-core products, as good as float32.
/// float16: one half and one product. float32: floats and fused multiply-adds.
enum class Precision { exact, float16, float32 };

constexpr int kColumnMultiple = 32;

inline int padded_columns(long long columns) {
  return static_cast<int>((columns + kColumnMultiple - 1) / kColumnMultiple * kColumnMultiple);
}

/// A matrix on the device. The numbers are floats in `high` (float32), halves in `high` (float16), or the sums of the
/// halves in `high` and `low` (exact).
struct Operand {
  void* high = nullptr;
  void* low = nullptr;
  int stride = 0;  // between rows, in numbers; a multiple of kColumnMultiple
};

template <Precision P>
using Element = std::conditional_t<P == Precision::float32, float, half>;

/// Arrays that a number is spread over.
template <Precision P>
constexpr int kPlanes = P == Precision::exact ? 2 : 1;

template <Precision P>
__device__ __forceinline__ float load_number(const Operand& operand, size_t at) {
  const auto* high = static_cast<const Element<P>*>(operand.high);
  if constexpr (P == Precision::float32) {
    return high[at];
  } else if constexpr (P == Precision::float16) {
    return __half2float(high[at]);
  } else {
    return __half2float(high[at]) + __half2float(static_cast<const half*>(operand.low)[at]);
  }
}

template <Precision P>
__device__ __forceinline__ void store_number(const Operand& operand, size_t at, float value) {
  auto* high = static_cast<Element<P>*>(operand.high);
  if constexpr (P == Precision::float32) {
    high[at] = value;
  } else {
    high[at] = __float2half(value);
    if constexpr (P == Precision::exact) {
      static_cast<half*>(operand.low)[at] = __float2half(value - __half2float(high[at]));
    }
  }
}

/// Calls run(std::integral_constant<Precision, ...>) for a precision that is known at run time only.
template <typename Run>
auto with_precision(Precision precision, const Run& run) {
  switch (precision) {
    case Precision::float16:
      return run(std::integral_constant<Precision, Precision::float16>{});
    case Precision::float32:
      return run(std::integral_constant<Precision, Precision::float32>{});
    case Precision::exact:
      break;
  }
  return run(std::integral_constant<Precision, Precision::exact>{});
}

}  // namespace showtell::cuda
