// LSTM layers over packed sequences: captions sorted by length, longest first, time-major, no padding. The rows of step
// t are the first rows of step t - 1. Legend: B = captions, N = tokens of all captions, H = hidden size.
#pragma once

#include "ops/gemm.h"

namespace showtell {

/// Rows and first token of each time step.
struct StepRanges {
  Index steps = 0;
  const Index* row_counts = nullptr;  // [steps], not increasing
  const Index* offsets = nullptr;     // [steps + 1]
};

struct LstmSequence {
  StepRanges ranges;
  Index hidden = 0;
  bool hard_sigmoid = false;
  const float* initial_hidden = nullptr;  // [B, H] or null for zeros
  const float* initial_cell = nullptr;    // [B, H] or null for zeros
  const float* recurrent_mask = nullptr;  // [B, H] or null
  float* gates = nullptr;      // [N, 4H]; input part in, activations out; backward: gradient of the pre-activations out
  float* cell = nullptr;       // [N, H]
  float* tanh_cell = nullptr;  // [N, H]
  float* hidden_in = nullptr;  // [N, H] h_{t-1} after the mask: what the recurrent weight multiplied
  float* output = nullptr;     // [N, H]
};

void lstm_forward(CpuContext& context, const LstmSequence& sequence, const PackedMatrix& recurrent_weight);

/// `output_gradient` [N, H] is overwritten. Gradients of the initial states [B, H] are written unless null.
void lstm_backward(CpuContext& context, const LstmSequence& sequence, const PackedMatrix& recurrent_weight_transposed,
                   float* output_gradient, float* initial_hidden_gradient, float* initial_cell_gradient);

/// One time step in decoding. Rows that continue the same parent share its recurrent product.
struct LstmStep {
  Index rows = 0, hidden = 0;
  bool hard_sigmoid = false;
  const float* gates = nullptr;                 // [.., 4H] what the input and the bias contribute
  const std::int32_t* gates_of_row = nullptr;   // [rows] into `gates`; null: row by row
  const float* recurrent_gates = nullptr;       // [parents, 4H] what the parents contribute; null: zeros
  const float* parent_cell = nullptr;           // [parents, H]; null: zeros
  const std::int32_t* parent_of_row = nullptr;  // [rows]
  float* cell = nullptr;                        // [rows, H], not parent_cell
  float* output = nullptr;                      // [rows, H]
};

void lstm_step(CpuContext& context, const LstmStep& step);

}  // namespace showtell
