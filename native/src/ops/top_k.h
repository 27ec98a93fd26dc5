// Log-softmax and the most probable entries of each row, fused with the matrix product that makes the rows.
#pragma once

#include <vector>

#include "ops/gemm.h"

namespace showtell {

struct TopK {
  Index k = 0;
  std::vector<Index> counts;          // [rows] entries found
  std::vector<std::int32_t> indices;  // [rows, k], most probable first, lower index first among equals
  std::vector<float> log_probs;       // [rows, k]
};

/// logits = x[rows] weight + bias, never whole in memory. `prepare(row, logits)` may set entries to -infinity after the
/// normaliser is known. Throws an option error where a row is not finite.
template <typename Prepare>
void log_softmax_top_k(CpuContext& context, Index rows, const float* x, const PackedMatrix& weight, const float* bias,
                       const Prepare& prepare, TopK& out);

/// One row; `entries` is out's space of k floats for values.
void top_k_row(const Kernels& kernels, const float* logits, Index count, double normalizer, Index row, TopK& out);
/// Normaliser of a row; throws where it is not finite.
double checked_log_sum_exp(const Kernels& kernels, const float* logits, Index count);

constexpr Index kLogitRows = 48;  // of a few thousand words: they stay in the second cache until they are used

template <typename Prepare>
void log_softmax_top_k(CpuContext& context, Index rows, const float* x, const PackedMatrix& weight, const float* bias,
                       const Prepare& prepare, TopK& out) {
  const Index classes = weight.columns();
  const Index size = weight.rows();
  out.counts.resize(static_cast<std::size_t>(rows));
  out.indices.resize(static_cast<std::size_t>(rows * out.k));
  out.log_probs.resize(static_cast<std::size_t>(rows * out.k));
  const auto finish_row = [&](Index row, float* logits) {
    const double normalizer = checked_log_sum_exp(context.kernels, logits, classes);
    prepare(row, logits);
    top_k_row(context.kernels, logits, classes, normalizer, row, out);
  };
  const int threads = context.pool.size();
  if (rows < 2 * kLogitRows * threads && threads > 1) {  // too few rows to share out: the columns are split instead
    float* logits = context.arena.floats(rows * classes);
    gemm(context, rows, {x, size}, weight, {bias}, logits, classes);
    context.pool.split(rows, 1, [&](Index begin, Index end) {
      for (Index row = begin; row < end; ++row) finish_row(row, logits + row * classes);
    });
    return;
  }
  float* blocks = context.arena.floats(threads * kLogitRows * classes);
  context.pool.run(threads, [&](int part) {
    float* logits = blocks + part * kLogitRows * classes;
    const Index end = rows * (part + 1) / threads;
    for (Index row = rows * part / threads; row < end; row += kLogitRows) {
      const Index count = std::min(kLogitRows, end - row);
      gemm_single(context.kernels, count, {x + row * size, size}, weight, {bias}, logits, classes);
      for (Index i = 0; i < count; ++i) finish_row(row + i, logits + i * classes);
    }
  });
}

}  // namespace showtell
