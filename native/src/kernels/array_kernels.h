// Element-wise passes over arrays, Adam, and dropout masks.
#pragma once

#include "kernels/vector_math.h"

namespace showtell::SHOWTELL_ISA {

inline void tanh_array(float* x, Index count) {
  for_vectors(count, [&](auto access, Index at) { access.store(x + at, hyperbolic_tangent(access.load(x + at))); });
}
inline void relu_array(float* x, Index count) {
  for_vectors(count, [&](auto access, Index at) { access.store(x + at, maximum(set1(0.0f), access.load(x + at))); });
}
inline void tanh_backward(const float* y, float* gradient, Index count) {
  for_vectors(count, [&](auto access, Index at) {
    const Vec value = access.load(y + at);
    access.store(gradient + at, access.load(gradient + at) * (set1(1.0f) - value * value));
  });
}
inline void relu_backward(const float* y, float* gradient, Index count) {
  const Vec zero = set1(0.0f);
  for_vectors(count, [&](auto access, Index at) {
    access.store(gradient + at, select(greater(access.load(y + at), zero), access.load(gradient + at), zero));
  });
}
inline void add_array(float* x, const float* y, Index count) {
  for_vectors(count, [&](auto access, Index at) { access.store(x + at, access.load(x + at) + access.load(y + at)); });
}
inline void multiply_array(float* x, const float* y, Index count) {
  for_vectors(count, [&](auto access, Index at) { access.store(x + at, access.load(x + at) * access.load(y + at)); });
}
inline void multiply_to(float* out, const float* x, const float* y, Index count) {
  for_vectors(count, [&](auto access, Index at) { access.store(out + at, access.load(x + at) * access.load(y + at)); });
}

inline double sum_of_squares(const float* x, Index count) {
  constexpr Index kBlock = 64 * kWidth;
  double total = 0;
  for (Index from = 0; from < count; from += kBlock) {
    const Index size = from + kBlock < count ? kBlock : count - from;
    Vec sums = set1(0.0f);
    for_vectors(size, [&](auto access, Index at) {
      const Vec value = access.load(x + from + at);
      sums = fma(value, value, sums);
    });
    total += lanes_sum(sums);
  }
  return total;
}

inline void adam(const AdamStep& step, Index count, float* parameter, const float* gradient, float* first,
                 float* second, float* average) {
  const Vec beta1 = set1(step.beta1), rest1 = set1(step.rest1);
  const Vec beta2 = set1(step.beta2), rest2 = set1(step.rest2);
  const Vec rate = set1(step.learning_rate * step.correction1), correction2 = set1(step.correction2);
  const Vec epsilon = set1(step.epsilon), scale = set1(step.gradient_scale);
  const Vec decay = set1(step.average_decay), rest = set1(step.average_rest);
  for_vectors(count, [&](auto access, Index at) {
    const Vec g = access.load(gradient + at) * scale;
    const Vec m = fma(beta1, access.load(first + at), rest1 * g);
    const Vec v = fma(beta2, access.load(second + at), rest2 * g * g);
    const Vec p = access.load(parameter + at) - rate * m / (square_root(v * correction2) + epsilon);
    access.store(first + at, m);
    access.store(second + at, v);
    access.store(parameter + at, p);
    if (average != nullptr) access.store(average + at, fma(decay, access.load(average + at), rest * p));
  });
}

/// Philox4x32-10 for eight neighbouring counters at once; plain loops over the eight that compilers turn into vectors.
inline void dropout_mask(const DropoutRow& row, float* mask, Index columns) {
  constexpr int kLanes = 8;
  for (Index column = 0; column < columns; column += 4 * kLanes) {
    std::uint32_t words[4][kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
      words[0][lane] = static_cast<std::uint32_t>(column / 4) + static_cast<std::uint32_t>(lane);
      words[1][lane] = row.row;
      words[2][lane] = row.step;
      words[3][lane] = row.stream;
    }
    std::uint32_t key0 = row.key_low;
    std::uint32_t key1 = row.key_high;
    for (int round = 0; round < 10; ++round) {
      for (int lane = 0; lane < kLanes; ++lane) {
        const std::uint64_t product0 = std::uint64_t{0xd2511f53u} * words[0][lane];
        const std::uint64_t product1 = std::uint64_t{0xcd9e8d57u} * words[2][lane];
        words[0][lane] = static_cast<std::uint32_t>(product1 >> 32) ^ words[1][lane] ^ key0;
        words[1][lane] = static_cast<std::uint32_t>(product1);
        words[2][lane] = static_cast<std::uint32_t>(product0 >> 32) ^ words[3][lane] ^ key1;
        words[3][lane] = static_cast<std::uint32_t>(product0);
      }
      key0 += 0x9e3779b9u;
      key1 += 0xbb67ae85u;
    }
    const Index left = columns - column;
    float values[4 * kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
      for (int word = 0; word < 4; ++word) {
        values[4 * lane + word] = words[word][lane] >= row.threshold ? row.scale : 0.0f;
      }
    }
    const Index size = left < 4 * kLanes ? left : 4 * kLanes;
    for (Index at = 0; at < size; ++at) mask[column + at] = values[at];
  }
}

}  // namespace showtell::SHOWTELL_ISA
