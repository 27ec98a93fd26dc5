#include <algorithm>
#include <numeric>

#include "base/float16.h"
#include "check.h"
#include "kernels/kernels.h"
#include "plain.h"

using namespace showtell;
using plain::Floats;

namespace {

template <typename Body>
void for_kernel_sets(const Body& body) {
  for (const Kernels* const* set = runnable_kernels(); *set != nullptr; ++set) body(**set);
}

const Index kLengths[] = {1, 2, 7, 8, 15, 16, 17, 33, 1000, 2537};

}  // namespace

TEST(halves_widen_to_the_floats_they_stand_for) {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const int exponent = static_cast<int>(bits >> 10 & 0x1f), fraction = static_cast<int>(bits & 0x3ff);
    const float sign = bits & 0x8000 ? -1.0f : 1.0f, widened = widen_half(static_cast<std::uint16_t>(bits));
    CHECK(std::signbit(widened) == std::signbit(sign));
    if (exponent == 31) {
      CHECK(fraction == 0 ? widened == sign * HUGE_VALF : std::isnan(widened));
    } else {
      const float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                                            : std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
      CHECK(widened == sign * magnitude);
    }
  }
}

TEST(tanh_is_accurate_over_its_whole_range) {
  for_kernel_sets([](const Kernels& set) {
    for (float x = -20; x < 20; x += 0.00371f) {
      float y = x;
      set.tanh(&y, 1);
      const double wanted = std::tanh(static_cast<double>(x));
      CHECK_NEAR(y, wanted, 3e-7 * std::fabs(wanted) + 1e-12);
    }
    float extremes[] = {-1e30f, 1e30f, 0.0f, 1e-20f};
    set.tanh(extremes, 4);
    CHECK(extremes[0] == -1.0f && extremes[1] == 1.0f && extremes[2] == 0.0f && extremes[3] == 1e-20f);
  });
}

TEST(softmax_sums_to_one_and_equals_the_plain_one) {
  for_kernel_sets([](const Kernels& set) {
    for (const Index size : kLengths) {
      Floats x = plain::random(size, 1, -30, 30);
      const Floats original = x;
      const double most = *std::max_element(x.begin(), x.end());
      double total = 0;
      for (const float value : x) total += std::exp(0.5 * (value - most));
      CHECK_NEAR(
          set.log_sum_exp(x.data(), size),
          most + std::log(std::accumulate(x.begin(), x.end(), 0.0,
                                          [&](double sum, float value) { return sum + std::exp(value - most); })),
          1e-6);
      set.softmax(x.data(), size, 0.5f);
      for (std::size_t at = 0; at < x.size(); ++at) {
        CHECK_NEAR(x[at], std::exp(0.5 * (original[at] - most)) / total, 1e-6);
      }
    }
  });
}

TEST(cross_entropy_and_its_gradient_equal_the_plain_ones) {
  for_kernel_sets([](const Kernels& set) {
    for (const Index size : kLengths) {
      for (const double smoothing : {0.0, 0.1}) {
        const Floats x = plain::random(size, 2, -4, 4);
        Floats gradient = x;
        const Index target = size / 2;
        const double weight = -1.5, scale = 0.25;
        double total = 0, mean = 0;
        for (const float value : x) total += std::exp(static_cast<double>(value));
        for (const float value : x) mean += value / static_cast<double>(size);
        const double loss =
            weight * (std::log(total) - (1 - smoothing) * x[static_cast<std::size_t>(target)] - smoothing * mean);
        CHECK_NEAR(set.cross_entropy({size, gradient.data(), target, weight, smoothing, nullptr}), loss, 3e-6);
        CHECK(gradient == x);
        CHECK_NEAR(set.cross_entropy({size, gradient.data(), target, weight, smoothing, &scale}), loss, 3e-6);
        for (std::size_t at = 0; at < x.size(); ++at) {
          const double wanted = std::exp(static_cast<double>(x[at])) / total - smoothing / static_cast<double>(size) -
                                (static_cast<Index>(at) == target ? 1 - smoothing : 0);
          CHECK_NEAR(gradient[at], weight * scale * wanted, 3e-7);
        }
      }
    }
  });
}

TEST(top_k_is_a_stable_sort) {
  for_kernel_sets([](const Kernels& set) {
    for (const Index size : kLengths) {
      for (const int k : {1, 2, 6, 40}) {
        Floats x = plain::random(size, 3, 0, 20);
        for (auto& value : x) value = std::floor(value);  // many equal ones
        if (size > 2) x[2] = -INFINITY;
        std::vector<std::int32_t> order(x.size());
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
          return x[static_cast<std::size_t>(a)] > x[static_cast<std::size_t>(b)];
        });
        Floats values(40);
        std::vector<std::int32_t> indices(40);
        const int found = set.top_k(x.data(), size, k, values.data(), indices.data());
        const Index finite = size > 2 ? size - 1 : size;
        CHECK(found == std::min<Index>(k, finite));
        CHECK(std::equal(indices.begin(), indices.begin() + found, order.begin()));
      }
    }
  });
}

TEST(the_lstm_cell_equals_the_plain_one_and_its_gradient_the_slope) {
  for_kernel_sets([](const Kernels& set) {
    for (const bool hard : {false, true}) {
      for (const Index hidden : {Index{1}, Index{5}, Index{19}, Index{32}}) {
        Floats gates = plain::random(4 * hidden, 4, -3, 3), previous = plain::random(hidden, 5);
        const Floats output_weight = plain::random(hidden, 6), cell_weight = plain::random(hidden, 7);
        const auto size = static_cast<std::size_t>(hidden);
        const auto squash = [&](double x) {
          return hard ? std::fmin(std::fmax(0.2 * x + 0.5, 0), 1) : plain::sigmoid(x);
        };
        std::vector<double> outputs(size);
        const auto loss = [&] {
          double total = 0;
          for (std::size_t at = 0; at < size; ++at) {
            const double cell =
                squash(gates[size + at]) * previous[at] + squash(gates[at]) * std::tanh(gates[2 * size + at]);
            outputs[at] = squash(gates[3 * size + at]) * std::tanh(cell);
            total += output_weight[at] * outputs[at] + cell_weight[at] * cell;
          }
          return total;
        };
        loss();
        Floats work = gates, cell(size), squashed(size), output(size), cell_gradient = cell_weight;
        set.lstm_forward({hidden, hard, work.data(), previous.data(), cell.data(), squashed.data(), output.data()});
        CHECK(plain::distance(output, outputs, size) < 1e-6);
        set.lstm_backward(
            {hidden, hard, work.data(), previous.data(), squashed.data(), output_weight.data(), cell_gradient.data()});
        for (std::size_t at = 0; at < 4 * size; ++at) {
          if (hard && std::fabs(std::fabs(gates[at]) - 2.5f) < 0.02f) continue;  // no slope at the corner
          CHECK_NEAR(work[at], plain::slope(gates, at, loss, 1e-3f), 1e-4);
        }
        for (std::size_t at = 0; at < size; ++at)
          CHECK_NEAR(cell_gradient[at], plain::slope(previous, at, loss, 1e-3f), 1e-4);
      }
    }
  });
}

TEST(a_step_of_the_lstm_cell_equals_the_cell_of_training) {
  for_kernel_sets([](const Kernels& set) {
    for (const bool hard : {false, true}) {
      for (const Index hidden : {Index{1}, Index{5}, Index{19}, Index{32}}) {
        const auto size = static_cast<std::size_t>(hidden);
        const Floats input = plain::random(4 * hidden, 30, -3, 3), recurrent = plain::random(4 * hidden, 31, -3, 3),
                     previous = plain::random(hidden, 32);
        for (const bool first : {false, true}) {
          Floats gates = input, cell(size), output(size), step_cell(size), step_output(size);
          if (!first) set.add(gates.data(), recurrent.data(), 4 * hidden);
          set.lstm_forward(
              {hidden, hard, gates.data(), first ? nullptr : previous.data(), cell.data(), nullptr, output.data()});
          set.lstm_step({hidden, hard, input.data(), first ? nullptr : recurrent.data(),
                         first ? nullptr : previous.data(), step_cell.data(), step_output.data()});
          CHECK(step_cell == cell && step_output == output);
        }
      }
    }
  });
}

TEST(masks_are_cut_from_the_published_philox_words) {
  // Known answer of Random123 for counter 0 and key 0.
  const std::uint32_t words[] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
  for_kernel_sets([&](const Kernels& set) {
    float mask[4];
    for (int column = 0; column < 4; ++column) {
      set.dropout_mask({0, 0, 0, 0, 0, words[column], 2.0f}, mask, 4);
      CHECK(mask[column] == 2.0f);
      set.dropout_mask({0, 0, 0, 0, 0, words[column] + 1, 2.0f}, mask, 4);
      CHECK(mask[column] == 0.0f);
    }
  });
}

TEST(masks_of_all_kernel_sets_are_the_same_at_every_length) {
  for (const Index size : kLengths) {
    Floats wanted(static_cast<std::size_t>(size)), mask(static_cast<std::size_t>(size));
    const DropoutRow row{123, 456, 7, 8, 0x302, 0x40000000, 1.25f};
    scalar::kKernels.dropout_mask(row, wanted.data(), size);
    for_kernel_sets([&](const Kernels& set) {
      set.dropout_mask(row, mask.data(), size);
      CHECK(mask == wanted);
    });
  }
}

TEST(adam_equals_the_plain_one) {
  for_kernel_sets([](const Kernels& set) {
    const Index size = 37;
    Floats parameter = plain::random(size, 8), gradient = plain::random(size, 9),
           first = plain::random(size, 10, -0.1f, 0.1f), second = plain::random(size, 11, 0, 0.1f),
           average = plain::random(size, 12);
    const Floats p = parameter, m = first, v = second, a = average;
    AdamStep step{0.5f, 0.01f, 0.9f, 0.1f, 0.999f, 0.001f, 1.0f / 0.271f, 1.0f / 0.003f, 1e-8f, 0.9f, 0.1f};
    set.adam(step, size, parameter.data(), gradient.data(), first.data(), second.data(), average.data());
    for (std::size_t at = 0; at < p.size(); ++at) {
      const double g = 0.5 * gradient[at], m1 = 0.9 * m[at] + 0.1 * g, v1 = 0.999 * v[at] + 0.001 * g * g;
      const double wanted = p[at] - 0.01 * (m1 / 0.271) / (std::sqrt(v1 / 0.003) + 1e-8);
      CHECK_NEAR(first[at], m1, 1e-7);
      CHECK_NEAR(second[at], v1, 1e-7);
      CHECK_NEAR(parameter[at], wanted, 1e-6);
      CHECK_NEAR(average[at], 0.9 * a[at] + 0.1 * wanted, 1e-6);
    }
    double squares = 0;
    for (const float value : gradient) squares += static_cast<double>(value) * value;
    CHECK_NEAR(set.sum_of_squares(gradient.data(), size), squares, 1e-5);
  });
}

TEST(matrices_are_packed_in_panels_with_zeros_beyond_their_columns) {
  for_kernel_sets([](const Kernels& set) {
    const Index width = set.gemm_columns;
    for (const Index columns : {Index{1}, width - 1, width, width + 1, 3 * width - 5}) {
      for (const Index depth : {Index{1}, Index{3}, Index{15}, Index{16}, Index{17}, Index{40}}) {
        for (const bool transposed : {false, true}) {
          const Index stride = (transposed ? depth : columns) + 1;
          const Floats from = plain::random((transposed ? columns : depth) * stride - 1, 13);  // no room to read beyond
          Floats packed(static_cast<std::size_t>(round_up(columns, width) * depth), NAN), wanted = packed;
          set.pack_right({from.data(), stride, transposed, depth, columns, packed.data()});
          for (Index column = 0; column < round_up(columns, width); ++column) {
            for (Index k = 0; k < depth; ++k) {
              const Index at = transposed ? column * stride + k : k * stride + column;
              wanted[static_cast<std::size_t>((column / width * depth + k) * width + column % width)] =
                  column < columns ? from[static_cast<std::size_t>(at)] : 0.0f;
            }
          }
          CHECK(packed == wanted);
        }
      }
    }
  });
}

TEST(transposed_rows_are_packed_without_a_gap) {
  for_kernel_sets([](const Kernels& set) {
    const Index depth = 19;
    for (int rows = 1; rows <= set.gemm_rows; ++rows) {
      const Index stride = rows + 2;
      const Floats from = plain::random(depth * stride - 2, 14);
      Floats packed(static_cast<std::size_t>(depth * rows), NAN), wanted = packed;
      set.pack_left({from.data(), stride, depth, rows, packed.data()});
      for (Index k = 0; k < depth; ++k) std::copy_n(from.data() + k * stride, rows, wanted.data() + k * rows);
      CHECK(packed == wanted);
    }
  });
}

TEST_MAIN
