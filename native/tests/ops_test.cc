#include "check.h"
#include "ops/attention.h"
#include "ops/cross_entropy.h"
#include "ops/gather_rows.h"
#include "ops/linear.h"
#include "ops/lstm.h"
#include "ops/normalization.h"
#include "ops/optimizer.h"
#include "ops/token_draws.h"
#include "plain.h"

using namespace showtell;
using plain::Floats;

namespace {

double dot(const Floats& x, const Floats& y) {
  double sum = 0;
  for (std::size_t at = 0; at < x.size(); ++at) sum += static_cast<double>(x[at]) * y[at];
  return sum;
}

/// Every element of `gradient` against the slope of `loss` in `x`.
void check_gradient(Floats& x, const Floats& gradient, const std::function<double()>& loss, double tolerance = 2e-3) {
  double largest = 0;
  for (const float value : gradient) largest = std::fmax(largest, std::fabs(static_cast<double>(value)));
  for (std::size_t at = 0; at < x.size(); ++at)
    CHECK_NEAR(gradient[at], plain::slope(x, at, loss), tolerance * (largest + 0.1));
}

}  // namespace

TEST(linear_maps_and_their_gradients_equal_plain_loops) {
  CpuContext context;
  const Index m = 9, n = 21, k = 13;
  const Floats x = plain::random(m * k, 1), weight = plain::random(k * n, 2), bias = plain::random(n, 3),
               d = plain::random(m * n, 4);
  Floats y(static_cast<std::size_t>(m * n)), weight_gradient(static_cast<std::size_t>(k * n)),
      bias_gradient(static_cast<std::size_t>(n));
  linear(context, m, n, k, x.data(), weight.data(), bias.data(), y.data());
  linear_backward(context, m, n, k, x.data(), d.data(), weight_gradient.data(), bias_gradient.data());
  for (Index row = 0; row < m; ++row) {
    for (Index column = 0; column < n; ++column) {
      double sum = bias[static_cast<std::size_t>(column)];
      for (Index l = 0; l < k; ++l) {
        sum += static_cast<double>(x[static_cast<std::size_t>(row * k + l)]) *
               weight[static_cast<std::size_t>(l * n + column)];
      }
      CHECK_NEAR(y[static_cast<std::size_t>(row * n + column)], sum, 1e-5);
    }
  }
  const auto wanted = plain::product(
      k, n, m, [&](Index i, Index j) { return x[static_cast<std::size_t>(j * k + i)]; },
      [&](Index i, Index j) { return d[static_cast<std::size_t>(i * n + j)]; });
  CHECK(plain::distance(weight_gradient, wanted, wanted.size()) < 1e-6);
  for (Index column = 0; column < n; ++column) {
    double sum = 0;
    for (Index row = 0; row < m; ++row) sum += d[static_cast<std::size_t>(row * n + column)];
    CHECK_NEAR(bias_gradient[static_cast<std::size_t>(column)], sum, 1e-5);
  }
}

TEST(gathered_and_scattered_rows_skip_negative_indices) {
  CpuContext context;
  const Index columns = 70;
  const Floats table = plain::random(4 * columns, 5);
  const std::int32_t rows[] = {3, -1, 0, 3};
  Floats out(4 * static_cast<std::size_t>(columns), 7.0f), sums(table.size());
  gather_rows(context, 4, columns, table.data(), rows, out.data());
  CHECK(out[70] == 7.0f && out[0] == table[210] && out[140] == table[0]);
  scatter_add_rows(context, 4, columns, out.data(), rows, sums.data());
  CHECK(sums[210] == 2 * table[210] && sums[0] == table[0] && sums[70] == 0.0f);
}

TEST(normalization_of_columns_and_rows_has_the_slope_as_gradient) {
  CpuContext context;
  const Index rows = 7, columns = 5;
  Floats x = plain::random(rows * columns, 6), gamma = plain::random(columns, 7, 0.5f, 1.5f),
         beta = plain::random(columns, 8);
  const Floats weight = plain::random(rows * columns, 9);
  Floats mean(7), spread(7), y(x.size()), gamma_gradient(5), beta_gradient(5);
  const auto by_columns = [&] {
    column_statistics(context, rows, columns, x.data(), mean.data(), spread.data());
    normalize_columns(context, rows, columns, x.data(), mean.data(), spread.data(), 1e-3, gamma.data(), beta.data(),
                      y.data());
    return dot(y, weight);
  };
  by_columns();
  Floats d = weight;
  normalize_columns_backward(context, rows, columns, x.data(), mean.data(), spread.data(), 1e-3, gamma.data(), d.data(),
                             gamma_gradient.data(), beta_gradient.data());
  check_gradient(x, d, by_columns);
  check_gradient(gamma, gamma_gradient, by_columns);
  check_gradient(beta, beta_gradient, by_columns);
  const auto by_rows = [&] {
    normalize_rows(context, rows, columns, x.data(), 1e-5, gamma.data(), beta.data(), mean.data(), spread.data(),
                   y.data());
    return dot(y, weight);
  };
  by_rows();
  d = weight;
  normalize_rows_backward(context, rows, columns, x.data(), mean.data(), spread.data(), gamma.data(), d.data(),
                          gamma_gradient.data(), beta_gradient.data());
  check_gradient(x, d, by_rows);
  check_gradient(gamma, gamma_gradient, by_rows);
  check_gradient(beta, beta_gradient, by_rows);
}

TEST(attention_of_batches_and_of_steps_agree_and_gradients_are_slopes) {
  CpuContext context;
  const Index images = 3, cells = 5, heads = 2, size = 6, queries = 7;
  const Index offsets[] = {0, 4, 4, 7};  // the second image has none
  Floats query = plain::random(queries * size, 10), keys = plain::random(images * cells * size, 11),
         values = plain::random(images * cells * size, 12), weights(static_cast<std::size_t>(queries * heads * cells)),
         attended(query.size());
  const Floats d = plain::random(queries * size, 13);
  const AttentionBatch batch{images,       cells,       heads,         size,          offsets,
                             query.data(), keys.data(), values.data(), weights.data()};
  const auto loss = [&] {
    attention_forward(context, batch, attended.data(), size);
    return dot(attended, d);
  };
  loss();
  const Floats forward = attended;

  Floats steps(query.size()), means(static_cast<std::size_t>(queries * cells));
  AttentionMemory memory(images, cells, size);
  arrange_memory(context, 0, 2, cells, heads, size, keys.data(), values.data(), memory);
  arrange_memory(context, 2, 1, cells, heads, size, keys.data() + 2 * cells * size, values.data() + 2 * cells * size,
                 memory);
  const std::int32_t image_of_row[] = {0, 0, 0, 0, 2, 2, 2};
  attention_step(context, queries, cells, heads, size, image_of_row, query.data(), memory, steps.data(), size,
                 means.data());
  CHECK(plain::distance(steps, forward, steps.size()) < 1e-6);
  for (Index row = 0; row < queries; ++row) {
    double total = 0;
    for (Index cell = 0; cell < cells; ++cell) total += means[static_cast<std::size_t>(row * cells + cell)];
    CHECK_NEAR(total, 1, 1e-6);
  }

  Floats query_gradient(query.size()), key_gradient(keys.size(), 9.0f), value_gradient(values.size(), 9.0f);
  attention_backward(context, batch, d.data(), size, query_gradient.data(), key_gradient.data(), value_gradient.data());
  check_gradient(query, query_gradient, loss);
  check_gradient(keys, key_gradient, loss);
  check_gradient(values, value_gradient, loss);
}

TEST(packed_lstm_sequences_have_slopes_as_gradients) {
  CpuContext context;
  const Index hidden = 3;
  const Index row_counts[] = {4, 3, 3, 1}, offsets[] = {0, 4, 7, 10, 11};
  const Index tokens = 11, captions = 4;
  for (const bool masked : {false, true}) {
    Floats inputs = plain::random(tokens * 4 * hidden, 14), recurrent = plain::random(hidden * 4 * hidden, 15),
           initial_hidden = plain::random(captions * hidden, 16), initial_cell = plain::random(captions * hidden, 17);
    Floats mask = plain::random(captions * hidden, 18, 0, 2);
    const Floats d = plain::random(tokens * hidden, 19);
    Floats gates, cell(d.size()), squashed(d.size()), hidden_in(d.size()), output(d.size());
    LstmSequence sequence;
    sequence.ranges = {4, row_counts, offsets};
    sequence.hidden = hidden;
    sequence.initial_hidden = initial_hidden.data();
    sequence.initial_cell = initial_cell.data();
    sequence.recurrent_mask = masked ? mask.data() : nullptr;
    sequence.cell = cell.data();
    sequence.tanh_cell = squashed.data();
    sequence.hidden_in = hidden_in.data();
    sequence.output = output.data();
    const auto loss = [&] {
      gates = inputs;
      sequence.gates = gates.data();
      PackedMatrix packed;
      packed.pack(context, hidden, 4 * hidden, {recurrent.data(), 4 * hidden});
      lstm_forward(context, sequence, packed);
      return dot(output, d);
    };
    loss();
    Floats output_gradient = d, initial_hidden_gradient(initial_hidden.size()),
           initial_cell_gradient(initial_cell.size());
    PackedMatrix transposed;
    transposed.pack(context, 4 * hidden, hidden, {recurrent.data(), 4 * hidden, Transpose::yes});
    lstm_backward(context, sequence, transposed, output_gradient.data(), initial_hidden_gradient.data(),
                  initial_cell_gradient.data());
    const Floats gate_gradient = gates, fed_back = hidden_in;
    Floats recurrent_gradient(recurrent.size());
    gemm(context, hidden, 4 * hidden, tokens, {fed_back.data(), hidden, Transpose::yes},
         {gate_gradient.data(), 4 * hidden}, recurrent_gradient.data(), 4 * hidden);
    check_gradient(inputs, gate_gradient, loss);
    check_gradient(recurrent, recurrent_gradient, loss);
    check_gradient(initial_hidden, initial_hidden_gradient, loss);
    check_gradient(initial_cell, initial_cell_gradient, loss);
  }
}

TEST(cross_entropy_sums_rows_by_weight) {
  CpuContext context;
  const Index rows = 9, classes = 12;
  Floats logits = plain::random(rows * classes, 20, -2, 2);
  const Floats weights = plain::random(rows, 21);
  std::vector<std::int32_t> targets;
  for (std::int32_t row = 0; row < rows; ++row) targets.push_back(row + 1);
  const double one = 1;
  const auto loss = [&] {
    Floats copy = logits;
    return softmax_cross_entropy(context, rows, classes, copy.data(), targets.data(), weights.data(), 0.1, nullptr);
  };
  Floats gradient = logits;
  softmax_cross_entropy(context, rows, classes, gradient.data(), targets.data(), weights.data(), 0.1, &one);
  check_gradient(logits, gradient, loss);
}

TEST(tokens_are_drawn_where_the_cumulative_distribution_passes) {
  CpuContext context;
  const plain::Floats row{9, 9, 0, 9, std::log(3.0f), std::log(4.0f), 0, std::log(1.0f)};  // 1, 3, 4, 1, 1 may be drawn
  const std::vector<double> uniforms{-1, 0, 0.0999, 0.1001, 0.3999, 0.4001, 0.7999, 0.8001, 0.9001, 1 - 0x1p-53};
  const std::vector<std::int32_t> wanted{5, 2, 2, 4, 4, 5, 5, 6, 7, 7};
  const auto rows = static_cast<Index>(uniforms.size()), classes = static_cast<Index>(row.size());
  const auto drawn_at = [&](double temperature) {
    plain::Floats logits;
    for (Index at = 0; at < rows; ++at) {
      for (const float value : row) logits.push_back(value * static_cast<float>(temperature));
    }
    std::vector<std::int32_t> drawn(uniforms.size());
    draw_tokens(context, rows, classes, logits.data(), {uniforms.data(), temperature}, drawn.data());
    return drawn;
  };
  CHECK(drawn_at(1) == wanted);
  CHECK(drawn_at(0.25) == wanted);
  CHECK(drawn_at(3) == wanted);
  for (const float odd : {NAN, HUGE_VALF}) {
    for (const double uniform : {-1.0, 0.5}) {
      plain::Floats logits = row;
      logits[6] = odd;
      std::int32_t drawn;
      CHECK_THROWS(draw_tokens(context, 1, classes, logits.data(), {&uniform, 1}, &drawn), ErrorCode::option);
    }
  }
}

TEST(clipping_scales_the_gradient_of_all_parameters_together) {
  CpuContext context;
  const Index size = 40'000;
  const Floats gradient = plain::random(size, 22);
  const double norm = global_norm(context, size, gradient.data());
  CHECK_NEAR(norm, std::sqrt(dot(gradient, gradient)), 1e-4);
  Floats clipped(gradient.size()), scaled(gradient.size()), m1(gradient.size()), v1(gradient.size()),
      m2(gradient.size()), v2(gradient.size()), small = gradient;
  for (auto& value : small) value *= static_cast<float>(2.0 / norm);
  AdamOptions options;
  options.learning_rate = 0.1;
  options.epsilon = 0.1;
  options.clip_norm = 2;
  adam_update(context, options, 1, norm, size, clipped.data(), gradient.data(), m1.data(), v1.data(), nullptr);
  options.clip_norm = 0;
  adam_update(context, options, 1, 2, size, scaled.data(), small.data(), m2.data(), v2.data(), nullptr);
  CHECK(plain::distance(clipped, scaled, scaled.size()) < 1e-5);
}

TEST_MAIN
