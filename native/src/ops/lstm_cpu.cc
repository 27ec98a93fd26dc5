#include "ops/dropout.h"
#include "ops/lstm.h"

namespace showtell {

namespace {
constexpr Index kRowGrain = 8;
}

void lstm_forward(CpuContext& context, const LstmSequence& sequence, const PackedMatrix& recurrent_weight) {
  const Index hidden = sequence.hidden;
  const StepRanges& ranges = sequence.ranges;
  if (sequence.initial_hidden != nullptr) {
    const Index size = ranges.row_counts[0] * hidden;
    if (sequence.recurrent_mask != nullptr) {
      multiply_to(context, size, sequence.hidden_in, sequence.initial_hidden, sequence.recurrent_mask);
    } else {
      std::memcpy(sequence.hidden_in, sequence.initial_hidden, static_cast<std::size_t>(size) * sizeof(float));
    }
  }
  for (Index step = 0; step < ranges.steps; ++step) {
    const Index rows = ranges.row_counts[step];
    const Index offset = ranges.offsets[step];
    const Index next_rows = step + 1 < ranges.steps ? ranges.row_counts[step + 1] : 0;
    const Index next_offset = ranges.offsets[step + 1];
    float* gates = sequence.gates + offset * 4 * hidden;
    if (step > 0 || sequence.initial_hidden != nullptr) {
      gemm(context, rows, {sequence.hidden_in + offset * hidden, hidden}, recurrent_weight, {gates, 4 * hidden}, gates,
           4 * hidden);
    }
    const float* previous = step > 0 ? sequence.cell + ranges.offsets[step - 1] * hidden : sequence.initial_cell;
    context.pool.split(rows, kRowGrain, [&](Index begin, Index end) {
      for (Index row = begin; row < end; ++row) {
        const Index at = (offset + row) * hidden;
        context.kernels.lstm_forward({hidden, sequence.hard_sigmoid, gates + row * 4 * hidden,
                                      previous == nullptr ? nullptr : previous + row * hidden, sequence.cell + at,
                                      sequence.tanh_cell + at, sequence.output + at});
        if (row >= next_rows) continue;
        float* next = sequence.hidden_in + (next_offset + row) * hidden;
        if (sequence.recurrent_mask != nullptr) {
          context.kernels.multiply_to(next, sequence.output + at, sequence.recurrent_mask + row * hidden, hidden);
        } else {
          std::memcpy(next, sequence.output + at, static_cast<std::size_t>(hidden) * sizeof(float));
        }
      }
    });
  }
}

void lstm_backward(CpuContext& context, const LstmSequence& sequence, const PackedMatrix& recurrent_weight_transposed,
                   float* output_gradient, float* initial_hidden_gradient, float* initial_cell_gradient) {
  const Index hidden = sequence.hidden;
  const StepRanges& ranges = sequence.ranges;
  const Index captions = ranges.row_counts[0];
  float* cell_gradient = context.arena.zeros(captions * hidden);
  const bool masked = sequence.recurrent_mask != nullptr;
  float* hidden_gradient = masked ? context.arena.floats(captions * hidden) : nullptr;
  // Adds the gradient that step `step` sends to the hidden state before it, into `to`.
  const auto send_back = [&](Index step, float* to) {
    const Index rows = ranges.row_counts[step];
    const Operand gates{sequence.gates + ranges.offsets[step] * 4 * hidden, 4 * hidden};
    if (!masked) return gemm(context, rows, gates, recurrent_weight_transposed, {to, hidden}, to, hidden);
    gemm(context, rows, gates, recurrent_weight_transposed, {}, hidden_gradient, hidden);
    context.kernels.multiply(hidden_gradient, sequence.recurrent_mask, rows * hidden);
    context.kernels.add(to, hidden_gradient, rows * hidden);
  };
  for (Index step = ranges.steps - 1; step >= 0; --step) {
    const Index rows = ranges.row_counts[step];
    const Index offset = ranges.offsets[step];
    if (step + 1 < ranges.steps) send_back(step + 1, output_gradient + offset * hidden);
    const float* previous = step > 0 ? sequence.cell + ranges.offsets[step - 1] * hidden : sequence.initial_cell;
    context.pool.split(rows, kRowGrain, [&](Index begin, Index end) {
      for (Index row = begin; row < end; ++row) {
        const Index at = (offset + row) * hidden;
        context.kernels.lstm_backward({hidden, sequence.hard_sigmoid, sequence.gates + (offset + row) * 4 * hidden,
                                       previous == nullptr ? nullptr : previous + row * hidden, sequence.tanh_cell + at,
                                       output_gradient + at, cell_gradient + row * hidden});
      }
    });
  }
  const auto bytes = static_cast<std::size_t>(captions * hidden) * sizeof(float);
  if (initial_cell_gradient != nullptr) std::memcpy(initial_cell_gradient, cell_gradient, bytes);
  if (initial_hidden_gradient != nullptr) {
    std::memset(initial_hidden_gradient, 0, bytes);
    send_back(0, initial_hidden_gradient);
  }
}

void lstm_step(CpuContext& context, const LstmStep& step) {
  const Index hidden = step.hidden;
  const auto row_of = [](const float* table, Index row, Index width) {
    return table == nullptr ? nullptr : table + row * width;
  };
  context.pool.split(step.rows, kRowGrain, [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row) {
      const Index parent = step.parent_of_row[row];
      const Index gates_row = step.gates_of_row == nullptr ? row : step.gates_of_row[row];
      context.kernels.lstm_step({hidden, step.hard_sigmoid, step.gates + gates_row * 4 * hidden,
                                 row_of(step.recurrent_gates, parent, 4 * hidden),
                                 row_of(step.parent_cell, parent, hidden), step.cell + row * hidden,
                                 step.output + row * hidden});
    }
  });
}

}  // namespace showtell
