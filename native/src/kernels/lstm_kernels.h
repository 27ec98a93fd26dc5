// The LSTM cell (Hochreiter & Schmidhuber 1997, with forget gates: Gers et al. 2000) for one row.
#pragma once

#include "kernels/vector_math.h"

namespace showtell::SHOWTELL_ISA {

template <bool Hard>
inline void lstm_forward_as(const LstmCellForward& cell) {
  const Index hidden = cell.hidden;
  for_vectors(hidden, [&](auto access, Index at) {
    float* gates = cell.gates + at;
    const Vec input = Hard ? hard_sigmoid(access.load(gates)) : sigmoid(access.load(gates));
    const Vec forget = Hard ? hard_sigmoid(access.load(gates + hidden)) : sigmoid(access.load(gates + hidden));
    const Vec candidate = hyperbolic_tangent(access.load(gates + 2 * hidden));
    const Vec output = Hard ? hard_sigmoid(access.load(gates + 3 * hidden)) : sigmoid(access.load(gates + 3 * hidden));
    Vec state = input * candidate;
    if (cell.previous_cell != nullptr) state = fma(forget, access.load(cell.previous_cell + at), state);
    const Vec squashed = hyperbolic_tangent(state);
    access.store(gates, input);
    access.store(gates + hidden, forget);
    access.store(gates + 2 * hidden, candidate);
    access.store(gates + 3 * hidden, output);
    access.store(cell.cell + at, state);
    if (cell.tanh_cell != nullptr) access.store(cell.tanh_cell + at, squashed);
    access.store(cell.output + at, output * squashed);
  });
}

template <bool Hard>
inline void lstm_step_as(const LstmCellStep& cell) {
  const Index hidden = cell.hidden;
  for_vectors(hidden, [&](auto access, Index at) {
    const auto gate = [&](Index index) {
      const Vec input = access.load(cell.gates + index * hidden + at);
      if (cell.recurrent_gates == nullptr) return input;
      return input + access.load(cell.recurrent_gates + index * hidden + at);
    };
    const auto squash = [](Vec x) { return Hard ? hard_sigmoid(x) : sigmoid(x); };
    Vec state = squash(gate(0)) * hyperbolic_tangent(gate(2));
    if (cell.previous_cell != nullptr) state = fma(squash(gate(1)), access.load(cell.previous_cell + at), state);
    access.store(cell.cell + at, state);
    access.store(cell.output + at, squash(gate(3)) * hyperbolic_tangent(state));
  });
}

inline void lstm_step(const LstmCellStep& cell) {
  if (cell.hard_sigmoid)
    lstm_step_as<true>(cell);
  else
    lstm_step_as<false>(cell);
}

inline void lstm_forward(const LstmCellForward& cell) {
  if (cell.hard_sigmoid)
    lstm_forward_as<true>(cell);
  else
    lstm_forward_as<false>(cell);
}

/// Derivative of the gate activation, from its value.
template <bool Hard>
inline Vec gate_slope(Vec y) {
  if constexpr (!Hard) return y * (set1(1.0f) - y);
  const Vec zero = set1(0.0f);
  return select(greater(y, zero), select(greater(set1(1.0f), y), set1(0.2f), zero), zero);
}

template <bool Hard>
inline void lstm_backward_as(const LstmCellBackward& cell) {
  const Index hidden = cell.hidden;
  const Vec one = set1(1.0f);
  for_vectors(hidden, [&](auto access, Index at) {
    float* gates = cell.gates + at;
    const Vec input = access.load(gates);
    const Vec forget = access.load(gates + hidden);
    const Vec candidate = access.load(gates + 2 * hidden);
    const Vec output = access.load(gates + 3 * hidden);
    const Vec squashed = access.load(cell.tanh_cell + at);
    const Vec output_gradient = access.load(cell.output_gradient + at);
    const Vec previous = cell.previous_cell != nullptr ? access.load(cell.previous_cell + at) : set1(0.0f);
    Vec state_gradient = access.load(cell.cell_gradient + at);
    state_gradient = fma(output_gradient * output, one - squashed * squashed, state_gradient);
    access.store(gates, state_gradient * candidate * gate_slope<Hard>(input));
    access.store(gates + hidden, state_gradient * previous * gate_slope<Hard>(forget));
    access.store(gates + 2 * hidden, state_gradient * input * (one - candidate * candidate));
    access.store(gates + 3 * hidden, output_gradient * squashed * gate_slope<Hard>(output));
    access.store(cell.cell_gradient + at, state_gradient * forget);
  });
}

inline void lstm_backward(const LstmCellBackward& cell) {
  if (cell.hard_sigmoid)
    lstm_backward_as<true>(cell);
  else
    lstm_backward_as<false>(cell);
}

}  // namespace showtell::SHOWTELL_ISA
