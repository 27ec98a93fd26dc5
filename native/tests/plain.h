// What the tests compare with: random arrays and plain loops in double.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <vector>

#include "base/error.h"

namespace plain {

using showtell::Index;
using Floats = std::vector<float>;

inline Floats random(Index size, unsigned seed, float least = -1, float most = 1) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> draw(least, most);
  Floats values(static_cast<std::size_t>(size));
  for (auto& value : values) value = draw(generator);
  return values;
}

/// C[m, n] in double; a(i, k) and b(k, j) read the operands.
template <typename A, typename B>
std::vector<double> product(Index m, Index n, Index k, const A& a, const B& b) {
  std::vector<double> c(static_cast<std::size_t>(m * n));
  for (Index i = 0; i < m; ++i) {
    for (Index j = 0; j < n; ++j) {
      double sum = 0;
      for (Index l = 0; l < k; ++l) sum += static_cast<double>(a(i, l)) * static_cast<double>(b(l, j));
      c[static_cast<std::size_t>(i * n + j)] = sum;
    }
  }
  return c;
}

inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// The larger of two differences; NaN is the largest of all.
inline double worse(double a, double b) { return std::isnan(a) || a > b ? a : b; }

/// Largest difference, relative to the largest wanted value.
template <typename Actual, typename Wanted>
double distance(const Actual& actual, const Wanted& wanted, std::size_t size) {
  double largest = 0;
  double difference = 0;
  for (std::size_t at = 0; at < size; ++at) {
    const double apart = std::fabs(static_cast<double>(actual[at]) - static_cast<double>(wanted[at]));
    difference = worse(difference, apart);
    largest = std::fmax(largest, std::fabs(static_cast<double>(wanted[at])));
  }
  return difference / (largest > 0 ? largest : 1);
}

/// d loss / d x[at] by central differences.
inline double slope(Floats& x, std::size_t at, const std::function<double()>& loss, float step = 1e-2f) {
  const float kept = x[at];
  x[at] = kept + step;
  const double above = loss();
  x[at] = kept - step;
  const double below = loss();
  x[at] = kept;
  return (above - below) / (2.0 * static_cast<double>(step));
}

}  // namespace plain
