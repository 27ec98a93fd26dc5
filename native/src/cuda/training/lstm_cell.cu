#include "cuda/training/lstm_cell.h"

namespace showtell::cuda {

namespace {

__device__ float gate(float x, bool hard) {
  return hard ? fminf(fmaxf(fmaf(x, 0.2f, 0.5f), 0.0f), 1.0f) : 1.0f / (1.0f + expf(-x));
}

/// Derivative of the gate activation, from its value.
__device__ float gate_slope(float y, bool hard) {
  if (hard) return y > 0.0f && y < 1.0f ? 0.2f : 0.0f;
  return y * (1.0f - y);
}

template <typename Real>
__global__ void __launch_bounds__(256) lstm_cell_forward_kernel(const __grid_constant__ LstmCellForward<Real> args) {
  const int row = element_row(), unit = element_column(1);
  const int hidden = static_cast<int>(args.hidden);
  if (row >= args.rows || unit >= hidden) return;
  Real* gates = args.gates + row * args.gates_stride + unit;
  const float* bias = args.bias + unit;
  const Index at = row * args.hidden + unit, to = row * args.output_stride + unit;
  const float input = gate(to_float(gates[0]) + bias[0], args.hard_sigmoid);
  const float forget = gate(to_float(gates[hidden]) + bias[hidden], args.hard_sigmoid);
  const float candidate = tanhf(to_float(gates[2 * hidden]) + bias[2 * hidden]);
  const float output = gate(to_float(gates[3 * hidden]) + bias[3 * hidden], args.hard_sigmoid);
  const float cell = fmaf(forget, args.previous_cell[at], input * candidate);
  const float result = output * tanhf(cell);
  gates[0] = from_float<Real>(input);
  gates[hidden] = from_float<Real>(forget);
  gates[2 * hidden] = from_float<Real>(candidate);
  gates[3 * hidden] = from_float<Real>(output);
  args.cell[at] = cell;
  args.output[to] = from_float<Real>(result);
  if (args.next_input != nullptr) {
    args.next_input[to] = from_float<Real>(result * mask_factor(args.recurrent_mask, row, unit));
  }
}

template <typename Real>
__global__ void __launch_bounds__(256) lstm_cell_backward_kernel(const __grid_constant__ LstmCellBackward<Real> args) {
  const int row = element_row(), unit = element_column(1);
  const int hidden = static_cast<int>(args.hidden);
  if (row >= args.rows || unit >= hidden) return;
  Real* gates = args.gates + row * args.gates_stride + unit;
  const Index at = row * args.hidden + unit;
  const float input = to_float(gates[0]), forget = to_float(gates[hidden]);
  const float candidate = to_float(gates[2 * hidden]), output = to_float(gates[3 * hidden]);
  const float squashed = tanhf(args.cell[at]);
  float d = to_float(args.output_gradient[row * args.output_stride + unit]);
  if (args.recurrent_gradient != nullptr) {
    d += args.recurrent_gradient[at] * mask_factor(args.recurrent_mask, row, unit);
  }
  const float above = args.last ? 0.0f : args.cell_gradient[at];
  const float d_cell = fmaf(d * output, 1.0f - squashed * squashed, above);
  gates[0] = from_float<Real>(d_cell * candidate * gate_slope(input, args.hard_sigmoid));
  gates[hidden] = from_float<Real>(d_cell * args.previous_cell[at] * gate_slope(forget, args.hard_sigmoid));
  gates[2 * hidden] = from_float<Real>(d_cell * input * (1.0f - candidate * candidate));
  gates[3 * hidden] = from_float<Real>(d * squashed * gate_slope(output, args.hard_sigmoid));
  args.cell_gradient[at] = d_cell * forget;
}

}  // namespace

template <typename Real>
void lstm_cell_forward(cudaStream_t stream, const LstmCellForward<Real>& args) {
  start(lstm_cell_forward_kernel<Real>, element_grid(args.rows, args.hidden, 1), element_block(), stream, args);
}
template void lstm_cell_forward(cudaStream_t, const LstmCellForward<float>&);
template void lstm_cell_forward(cudaStream_t, const LstmCellForward<half>&);

template <typename Real>
void lstm_cell_backward(cudaStream_t stream, const LstmCellBackward<Real>& args) {
  start(lstm_cell_backward_kernel<Real>, element_grid(args.rows, args.hidden, 1), element_block(), stream, args);
}
template void lstm_cell_backward(cudaStream_t, const LstmCellBackward<float>&);
template void lstm_cell_backward(cudaStream_t, const LstmCellBackward<half>&);

}  // namespace showtell::cuda
