// Element-wise passes over arrays, Adam, and dropout masks.
#pragma once

#include <cstring>

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

/// Philox4x32-10 for neighbouring counters at once, one in each lane.
inline void dropout_mask(const DropoutRow& row, float* mask, Index columns) {
  constexpr Index kBlock = 4 * kWordLanes;
  const Words multiplier0 = words(0xd2511f53u), multiplier1 = words(0xcd9e8d57u);
  for (Index column = 0; column < columns; column += kBlock) {
    Words counter0 = counting_words(static_cast<std::uint32_t>(column / 4));
    Words counter1 = words(row.row), counter2 = words(row.step), counter3 = words(row.stream);
    std::uint32_t key0 = row.key_low, key1 = row.key_high;
    for (int round = 0; round < 10; ++round) {
      Words high0, low0, high1, low1;
      multiply_words(counter0, multiplier0, high0, low0);
      multiply_words(counter2, multiplier1, high1, low1);
      counter0 = high1 ^ counter1 ^ words(key0);
      counter1 = low1;
      counter2 = high0 ^ counter3 ^ words(key1);
      counter3 = low0;
      key0 += 0x9e3779b9u;
      key1 += 0xbb67ae85u;
    }
    float drawn[4][kWordLanes];
    store_kept(drawn[0], counter0, row.threshold, row.scale);
    store_kept(drawn[1], counter1, row.threshold, row.scale);
    store_kept(drawn[2], counter2, row.threshold, row.scale);
    store_kept(drawn[3], counter3, row.threshold, row.scale);
    float values[kBlock];
    for (int lane = 0; lane < kWordLanes; ++lane) {
      for (int word = 0; word < 4; ++word) values[4 * lane + word] = drawn[word][lane];
    }
    const Index size = columns - column < kBlock ? columns - column : kBlock;
    std::memcpy(mask + column, values, static_cast<std::size_t>(size) * sizeof(float));
  }
}

}  // namespace showtell::SHOWTELL_ISA
