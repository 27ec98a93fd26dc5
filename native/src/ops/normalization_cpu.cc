#include "ops/normalization.h"

#include <cmath>
#include <vector>

namespace showtell {

namespace {
constexpr Index kRowGrain = 32;
constexpr Index kColumnGrain = 32;
}  // namespace

void normalize_columns(CpuContext& context, Index rows, Index columns, const float* x, const float* mean,
                       const float* variance, double epsilon, const float* gamma, const float* beta, float* y) {
  float* scale = context.arena.floats(columns);
  for (Index column = 0; column < columns; ++column) {
    scale[column] = static_cast<float>(gamma[column] / std::sqrt(variance[column] + epsilon));
  }
  context.pool.split(rows, kRowGrain, [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row) {
      const float* from = x + row * columns;
      float* to = y + row * columns;
      for (Index column = 0; column < columns; ++column) {
        to[column] = (from[column] - mean[column]) * scale[column] + beta[column];
      }
    }
  });
}

void column_statistics(CpuContext& context, Index rows, Index columns, const float* x, float* mean, float* variance) {
  context.pool.split(columns, kColumnGrain, [&](Index begin, Index end) {
    const auto size = static_cast<std::size_t>(end - begin);
    std::vector<double> sums(size), squares(size);
    for (Index row = 0; row < rows; ++row) {
      for (Index column = begin; column < end; ++column) {
        sums[static_cast<std::size_t>(column - begin)] += x[row * columns + column];
      }
    }
    for (auto& sum : sums) sum /= static_cast<double>(rows);
    for (Index row = 0; row < rows; ++row) {
      for (Index column = begin; column < end; ++column) {
        const double difference = x[row * columns + column] - sums[static_cast<std::size_t>(column - begin)];
        squares[static_cast<std::size_t>(column - begin)] += difference * difference;
      }
    }
    for (Index column = begin; column < end; ++column) {
      mean[column] = static_cast<float>(sums[static_cast<std::size_t>(column - begin)]);
      variance[column] =
          static_cast<float>(squares[static_cast<std::size_t>(column - begin)] / static_cast<double>(rows));
    }
  });
}

void normalize_columns_backward(CpuContext& context, Index rows, Index columns, const float* x, const float* mean,
                                const float* variance, double epsilon, const float* gamma, float* d,
                                float* gamma_gradient, float* beta_gradient) {
  context.pool.split(columns, kColumnGrain, [&](Index begin, Index end) {
    const auto size = static_cast<std::size_t>(end - begin);
    std::vector<double> sums(size), products(size);
    std::vector<float> inverse(size), mean_d(size), mean_product(size);
    for (std::size_t at = 0; at < size; ++at) {
      inverse[at] = static_cast<float>(1 / std::sqrt(variance[begin + static_cast<Index>(at)] + epsilon));
    }
    for (Index row = 0; row < rows; ++row) {
      const float* x_row = x + row * columns + begin;
      const float* d_row = d + row * columns + begin;
      for (std::size_t at = 0; at < size; ++at) {
        sums[at] += d_row[at];
        products[at] += d_row[at] * ((x_row[at] - mean[begin + static_cast<Index>(at)]) * inverse[at]);
      }
    }
    for (std::size_t at = 0; at < size; ++at) {
      gamma_gradient[begin + static_cast<Index>(at)] = static_cast<float>(products[at]);
      beta_gradient[begin + static_cast<Index>(at)] = static_cast<float>(sums[at]);
      mean_d[at] = static_cast<float>(sums[at] / static_cast<double>(rows));
      mean_product[at] = static_cast<float>(products[at] / static_cast<double>(rows));
    }
    for (Index row = 0; row < rows; ++row) {
      const float* x_row = x + row * columns + begin;
      float* d_row = d + row * columns + begin;
      for (std::size_t at = 0; at < size; ++at) {
        const Index column = begin + static_cast<Index>(at);
        const float normalized = (x_row[at] - mean[column]) * inverse[at];
        d_row[at] = gamma[column] * inverse[at] * (d_row[at] - mean_d[at] - normalized * mean_product[at]);
      }
    }
  });
}

void normalize_rows(CpuContext& context, Index rows, Index columns, const float* x, double epsilon, const float* gamma,
                    const float* beta, float* mean, float* inverse, float* y) {
  context.pool.split(rows, kRowGrain, [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row) {
      const float* from = x + row * columns;
      double sum = 0;
      for (Index column = 0; column < columns; ++column) sum += from[column];
      const double center = sum / static_cast<double>(columns);
      double squares = 0;
      for (Index column = 0; column < columns; ++column) squares += (from[column] - center) * (from[column] - center);
      const auto middle = static_cast<float>(center);
      const auto factor = static_cast<float>(1 / std::sqrt(squares / static_cast<double>(columns) + epsilon));
      if (mean != nullptr) mean[row] = middle;
      if (inverse != nullptr) inverse[row] = factor;
      for (Index column = 0; column < columns; ++column) {
        y[row * columns + column] = (from[column] - middle) * factor * gamma[column] + beta[column];
      }
    }
  });
}

void normalize_rows_backward(CpuContext& context, Index rows, Index columns, const float* x, const float* mean,
                             const float* inverse, const float* gamma, float* d, float* gamma_gradient,
                             float* beta_gradient) {
  context.pool.split(columns, kColumnGrain, [&](Index begin, Index end) {
    for (Index column = begin; column < end; ++column) gamma_gradient[column] = beta_gradient[column] = 0.0f;
    for (Index row = 0; row < rows; ++row) {
      for (Index column = begin; column < end; ++column) {
        const Index at = row * columns + column;
        gamma_gradient[column] += d[at] * ((x[at] - mean[row]) * inverse[row]);
        beta_gradient[column] += d[at];
      }
    }
  });
  context.pool.split(rows, kRowGrain, [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row) {
      const float* x_row = x + row * columns;
      float* d_row = d + row * columns;
      double sum = 0;
      double product = 0;
      for (Index column = 0; column < columns; ++column) {
        const float scaled = d_row[column] * gamma[column];
        sum += scaled;
        product += scaled * ((x_row[column] - mean[row]) * inverse[row]);
      }
      const auto mean_d = static_cast<float>(sum / static_cast<double>(columns));
      const auto mean_product = static_cast<float>(product / static_cast<double>(columns));
      for (Index column = 0; column < columns; ++column) {
        const float normalized = (x_row[column] - mean[row]) * inverse[row];
        d_row[column] = inverse[row] * (d_row[column] * gamma[column] - mean_d - normalized * mean_product);
      }
    }
  });
}

}  // namespace showtell
