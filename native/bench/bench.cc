// Times single ops on one thread against what the machine can do: products against the rate of the register kernel on
// cached panels, passes over memory against the rate of reading a large array. Prints the best of many runs.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <numeric>
#include <vector>

#include "base/cpu_info.h"
#include "ops/blas.h"
#include "ops/cross_entropy.h"
#include "ops/dropout.h"
#include "ops/optimizer.h"

using namespace showtell;

namespace {

std::vector<float> ramp(Index size) {
  std::vector<float> values(static_cast<std::size_t>(size));
  for (std::size_t at = 0; at < values.size(); ++at) values[at] = static_cast<float>(at % 97) * 0.01f - 0.5f;
  return values;
}

/// Of this process: what other programs do on the machine does not count.
double processor_seconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Seconds of the fastest of many calls.
double fastest(const std::function<void()>& body) {
  double best = 1e30;
  for (int run = 0; run < 25; ++run) {
    const double start = processor_seconds();
    body();
    best = std::min(best, processor_seconds() - start);
  }
  return best;
}

/// Operations per second of the register kernel when its panels lie in the first cache.
double peak_flops(const Kernels& kernels) {
  constexpr Index kDepth = 128;
  constexpr int kCalls = 2000;
  const auto left = ramp(kDepth * kernels.gemm_rows), right = ramp(kDepth * kernels.gemm_columns);
  auto tile = ramp(kernels.gemm_rows * kernels.gemm_columns);
  const double seconds = fastest([&] {
    for (int call = 0; call < kCalls; ++call) {
      kernels.gemm_tile({kDepth, kernels.gemm_rows, left.data(), 0, right.data(), kernels.gemm_columns, nullptr, 0,
                         tile.data(), kernels.gemm_columns, nullptr, 0, 0});
    }
  });
  return 2.0 * kDepth * kernels.gemm_rows * kernels.gemm_columns * kCalls / seconds;
}

/// Bytes per second of reading an array much larger than the caches.
double peak_bandwidth(const Kernels& kernels) {
  const auto values = ramp(Index{1} << 25);
  volatile double sink = 0;
  const double seconds =
      fastest([&] { sink = kernels.sum_of_squares(values.data(), static_cast<Index>(values.size())); });
  static_cast<void>(sink);
  return static_cast<double>(values.size() * sizeof(float)) / seconds;
}

struct Product {
  const char* what;
  Index m, n, k;
  Transpose left, right;
};

void time_products(CpuContext& context, double peak) {
  constexpr auto kNo = Transpose::no, kYes = Transpose::yes;
  const Product products[] = {
      {"input gates, batch 32", 384, 1200, 300, kNo, kNo},      {"input gates, batch 256", 3000, 1200, 300, kNo, kNo},
      {"gradient of inputs", 384, 300, 1200, kNo, kYes},        {"gradient of weights", 300, 1200, 384, kYes, kNo},
      {"gradient of weights, 256", 300, 1200, 3000, kYes, kNo}, {"logits", 384, 2540, 300, kNo, kNo},
      {"recurrent step, batch 32", 32, 1200, 300, kNo, kNo},    {"recurrent step, batch 256", 256, 1200, 300, kNo, kNo},
      {"beam 3 logits, batch 32", 96, 2540, 300, kNo, kNo},     {"one caption's logits", 1, 2540, 300, kNo, kNo},
      {"grid values, 16 photos", 1296, 512, 1280, kNo, kNo},    {"attention scores", 55, 81, 64, kNo, kYes},
  };
  const Blas* blas = Blas::active();
  std::printf("%-26s %-18s %22s %22s %22s\n", "product", "m x n x k", "our kernel GFLOP/s", "packed weights", "BLAS");
  for (const auto& product : products) {
    const auto a = ramp(product.m * product.k), b = ramp(product.k * product.n);
    auto c = ramp(product.m * product.n);
    const Operand left{a.data(), product.left == kNo ? product.k : product.m, product.left};
    const Operand right{b.data(), product.right == kNo ? product.n : product.k, product.right};
    const double operations = 2.0 * static_cast<double>(product.m * product.n * product.k);
    PackedMatrix packed;
    packed.pack(context, product.k, product.n, right);
    const auto rate = [&](const std::function<void()>& body) { return operations / fastest(body); };
    const double rates[] = {
        rate([&] { gemm_single(context.kernels, product.m, product.n, product.k, left, right, c.data(), product.n); }),
        rate([&] { gemm(context, product.m, left, packed, {}, c.data(), product.n); }),
        blas == nullptr ? 0.0 : rate([&] {
          blas->sgemm(product.m, product.n, product.k, left, right, c.data(), product.n, false);
        }),
    };
    char shape[64];
    std::snprintf(shape, sizeof(shape), "%lld x %lld x %lld", static_cast<long long>(product.m),
                  static_cast<long long>(product.n), static_cast<long long>(product.k));
    std::printf("%-26s %-18s", product.what, shape);
    for (const double each : rates) std::printf("     %7.1f (%3.0f %%)", each / 1e9, 100 * each / peak);
    std::printf("\n");
  }
}

void time_pass(const char* what, double bytes, double bandwidth, const std::function<void()>& body) {
  const double seconds = fastest(body);
  std::printf("%-40s %8.3f ms %7.1f GB/s (%3.0f %% of reading)\n", what, seconds * 1e3, bytes / seconds / 1e9,
              100 * bytes / seconds / bandwidth);
}

void time_passes(CpuContext& context, double bandwidth) {
  const Index parameters = Index{1} << 22, rows = 384, classes = 2540, hidden = 300;
  auto p = ramp(parameters), g = p, m = p, v = p, average = p;
  for (auto& value : v) value = 0.1f;
  time_pass("Adam and average, 4 M parameters", 36.0 * static_cast<double>(parameters), bandwidth, [&] {
    adam_update(context, AdamOptions{}, 1, 1, parameters, p.data(), g.data(), m.data(), v.data(), average.data());
  });
  time_pass("global norm, 4 M parameters", 4.0 * static_cast<double>(parameters), bandwidth,
            [&] { global_norm(context, parameters, g.data()); });
  auto logits = ramp(rows * classes);
  const std::vector<std::int32_t> targets(static_cast<std::size_t>(rows), 5);
  const double scale = 1;
  time_pass("cross-entropy and gradient, 384 x 2540", 8.0 * static_cast<double>(rows * classes), bandwidth, [&] {
    softmax_cross_entropy(context, rows, classes, logits.data(), targets.data(), nullptr, 0.1, &scale);
  });
  auto gates = ramp(rows * 4 * hidden), cell = ramp(rows * hidden), squashed = cell, output = cell;
  time_pass("LSTM cell, 384 rows of 300", 4.0 * 11 * static_cast<double>(rows * hidden), bandwidth, [&] {
    for (Index row = 0; row < rows; ++row) {
      const Index at = row * hidden;
      context.kernels.lstm_forward({hidden, false, gates.data() + 4 * at, cell.data() + at, cell.data() + at,
                                    squashed.data() + at, output.data() + at});
    }
  });
  time_pass("LSTM cell in decoding, 384 rows of 300", 4.0 * 11 * static_cast<double>(rows * hidden), bandwidth, [&] {
    for (Index row = 0; row < rows; ++row) {
      const Index at = row * hidden;
      const float* own = gates.data() + 4 * at;
      context.kernels.lstm_step({hidden, false, own, own, cell.data() + at, squashed.data() + at, output.data() + at});
    }
  });
  std::vector<float> largest(10);
  std::vector<std::int32_t> places(10);
  logits = ramp(rows * classes);
  time_pass("log-sum-exp and top 10, 384 x 2540", 4.0 * static_cast<double>(rows * classes), bandwidth, [&] {
    for (Index row = 0; row < rows; ++row) {
      const float* own = logits.data() + row * classes;
      context.kernels.log_sum_exp(own, classes);
      context.kernels.top_k(own, classes, 10, largest.data(), places.data());
    }
  });
  std::vector<std::int32_t> ids(static_cast<std::size_t>(rows));
  std::iota(ids.begin(), ids.end(), 0);
  time_pass("dropout masks, 384 rows of 300", 4.0 * static_cast<double>(rows * hidden), bandwidth, [&] {
    draw_dropout_masks(context, 1, DropoutSite::input, 0, 0.2, rows, ids.data(), nullptr, hidden, output.data());
  });
}

}  // namespace

int main() {
  ThreadPool::shared().resize(1);
  CpuContext context;
  const double peak = peak_flops(context.kernels);
  const double bandwidth = peak_bandwidth(context.kernels);
  const Blas* blas = Blas::active();
  std::printf("%s, %s, one thread; BLAS: %s\n", cpu_model().c_str(), context.kernels.name,
              blas == nullptr ? Blas::absence().c_str() : (blas->name() + " " + blas->version()).c_str());
  std::printf("register kernel %.1f GFLOP/s, reading %.1f GB/s\n\n", peak / 1e9, bandwidth / 1e9);
  time_products(context, peak);
  std::printf("\n");
  time_passes(context, bandwidth);
  return 0;
}
