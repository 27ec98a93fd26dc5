// Softmax, its loss and the search for the largest entries, one row at a time. Sums of exponentials run in float lanes
// and are joined in double.
#pragma once

#include "kernels/vector_math.h"

namespace showtell::SHOWTELL_ISA {

inline float row_maximum(const float* x, Index count) {
  Vec most = set1(-3.4e38f);
  Index at = 0;
  for (; at + kWidth <= count; at += kWidth) most = maximum(most, load(x + at));
  if (at < count) most = maximum(most, load_part(x + at, count - at, -3.4e38f));
  return largest(most);
}

/// Sum of exp(scale * x - shift); the exponentials go to `out` unless it is null.
inline double exponentials(const float* x, Index count, float scale, float shift, float* out) {
  constexpr Index kBlock = 64 * kWidth;  // short float sums keep the total exact to 1e-7
  const Vec factor = set1(scale);
  const Vec offset = set1(-shift);
  double total = 0;
  for (Index from = 0; from < count; from += kBlock) {
    const Index end = from + kBlock < count ? from + kBlock : count;
    Vec sums = set1(0.0f);
    Index at = from;
    for (; at + kWidth <= end; at += kWidth) {
      const Vec e = exponential(fma(load(x + at), factor, offset));
      if (out != nullptr) store(out + at, e);
      sums = sums + e;
    }
    if (at < end) {
      const Vec e = exponential(fma(load_part(x + at, end - at), factor, offset));
      if (out != nullptr) store_part(out + at, e, end - at);
      float lanes[kWidth];
      store(lanes, e);
      for (Index lane = 0; lane < end - at; ++lane) total += lanes[lane];
    }
    total += lanes_sum(sums);
  }
  return total;
}

inline double log_sum_exp(const float* x, Index count) {
  const float most = row_maximum(x, count);
  return static_cast<double>(most) + __builtin_log(exponentials(x, count, 1.0f, most, nullptr));
}

inline void scale_row(float* x, Index count, float factor) {
  const Vec by = set1(factor);
  for_vectors(count, [&](auto access, Index at) { access.store(x + at, access.load(x + at) * by); });
}

inline void softmax(float* x, Index count, float scale) {
  const float most = row_maximum(x, count);  // scale is positive
  const double total = exponentials(x, count, scale, scale * most, x);
  scale_row(x, count, static_cast<float>(1.0 / total));
}

inline void softmax_backward(const float* probabilities, float* gradient, Index count, float scale) {
  Vec sums = set1(0.0f);
  for_vectors(count, [&](auto access, Index at) {
    sums = fma(access.load(probabilities + at), access.load(gradient + at), sums);
  });
  const Vec inner = set1(sum(sums));
  const Vec factor = set1(scale);
  for_vectors(count, [&](auto access, Index at) {
    access.store(gradient + at, factor * access.load(probabilities + at) * (access.load(gradient + at) - inner));
  });
}

inline double cross_entropy(const CrossEntropyRow& row) {
  float* x = row.logits;
  const Index count = row.classes;
  const float most = row_maximum(x, count);
  const double target = x[row.target];
  const double epsilon = row.smoothing;
  double mean = 0;
  if (epsilon > 0) {
    for (Index from = 0; from < count; from += 64 * kWidth) {
      const Index end = from + 64 * kWidth < count ? from + 64 * kWidth : count;
      Vec sums = set1(0.0f);
      for_vectors(end - from, [&](auto access, Index at) { sums = sums + access.load(x + from + at); });
      mean += lanes_sum(sums);
    }
    mean /= static_cast<double>(count);
  }
  float* out = row.gradient_scale != nullptr ? x : nullptr;
  const double total = exponentials(x, count, 1.0f, most, out);
  const double log_total = static_cast<double>(most) + __builtin_log(total);
  if (out != nullptr) {
    const double factor = row.weight * *row.gradient_scale;
    const Vec by = set1(static_cast<float>(factor / total));
    const Vec less = set1(static_cast<float>(-factor * epsilon / static_cast<double>(count)));
    for_vectors(count, [&](auto access, Index at) { access.store(out + at, fma(access.load(out + at), by, less)); });
    out[row.target] -= static_cast<float>(factor * (1 - epsilon));
  }
  return row.weight * (log_total - (1 - epsilon) * target - epsilon * mean);
}

inline float block_maximum(const float* x, Index count) {
  Vec most[4];
  for (int i = 0; i < 4; ++i) most[i] = set1(-__builtin_inff());
  Index at = 0;
  for (; at + 4 * kWidth <= count; at += 4 * kWidth) {
    for (int i = 0; i < 4; ++i) most[i] = maximum(most[i], load(x + at + i * kWidth));
  }
  for (; at + kWidth <= count; at += kWidth) most[0] = maximum(most[0], load(x + at));
  if (at < count) most[1] = maximum(most[1], load_part(x + at, count - at, -__builtin_inff()));
  return largest(maximum(maximum(most[0], most[1]), maximum(most[2], most[3])));
}

/// Each of the `k` largest block maxima is an entry, so none of the `k` largest entries is below the least of them:
/// only the few blocks that reach it are searched.
inline int top_k(const float* x, Index count, int k, float* values, std::int32_t* indices) {
  constexpr Index kMostBlocks = 256;
  constexpr Index kStep = 4 * kWidth;
  const Index size = ((count + kMostBlocks - 1) / kMostBlocks + kStep - 1) / kStep * kStep;
  float maxima[kMostBlocks];
  int found = 0;
  float least = -__builtin_inff();  // only larger entries are taken
  const auto place_of = [&](float value) {
    int place = found < k ? found++ : k - 1;
    for (; place > 0 && values[place - 1] < value; --place) {
      values[place] = values[place - 1];
      indices[place] = indices[place - 1];
    }
    values[place] = value;
    if (found == k) least = values[k - 1];
    return place;
  };
  for (Index block = 0; block * size < count; ++block) {
    const Index rest = count - block * size;
    maxima[block] = block_maximum(x + block * size, rest < size ? rest : size);
    if (maxima[block] > least) indices[place_of(maxima[block])] = 0;
  }
  const float bound = found == k ? least : -__builtin_inff();
  found = 0;
  least = __builtin_nextafterf(bound, -__builtin_inff());
  const auto offer = [&](Index at) {
    if (x[at] > least) indices[place_of(x[at])] = static_cast<std::int32_t>(at);
  };
  for (Index block = 0; block * size < count; ++block) {
    if (maxima[block] < bound) continue;
    const Index end = (block + 1) * size < count ? (block + 1) * size : count;
    Index at = block * size;
    for (; at + kWidth <= end; at += kWidth) {
      if (!any(greater(load(x + at), set1(least)))) continue;
      for (int lane = 0; lane < kWidth; ++lane) offer(at + lane);
    }
    for (; at < end; ++at) offer(at);
  }
  return found;
}

}  // namespace showtell::SHOWTELL_ISA
