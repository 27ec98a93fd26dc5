// One time step of an LSTM layer (Hochreiter & Schmidhuber 1997; forget gates: Gers et al. 2000) around the recurrent
// product. Gate order i, f, g, o. Legend: B = captions, H = hidden size.
#pragma once

#include "cuda/training/dropout.h"

namespace showtell::cuda {

template <typename Real>
struct LstmCellForward {
  Index rows = 0, hidden = 0;
  bool hard_sigmoid = false;
  Real* gates = nullptr;  // [B, 4H] products in, activations out
  Index gates_stride = 0;
  const float* bias = nullptr;           // [4H]
  const float* previous_cell = nullptr;  // [B, H]
  float* cell = nullptr;                 // [B, H]
  Real* output = nullptr;                // [B, H]
  Real* next_input = nullptr;            // [B, H] output * mask for the next step's product; null: not wanted
  Index output_stride = 0;               // of output and next_input
  DropoutMask recurrent_mask;            // its matrix rows are captions
};
template <typename Real>
void lstm_cell_forward(cudaStream_t stream, const LstmCellForward<Real>& args);

template <typename Real>
struct LstmCellBackward {
  Index rows = 0, hidden = 0;
  bool hard_sigmoid = false;
  Real* gates = nullptr;  // [B, 4H] activations in, gradient of the pre-activations out
  Index gates_stride = 0;
  const float* previous_cell = nullptr;
  const float* cell = nullptr;
  const Real* output_gradient = nullptr;  // [B, H] from the layer above
  Index output_stride = 0;
  const float* recurrent_gradient = nullptr;  // [B, H] from the next step's product, before the mask; null: none
  DropoutMask recurrent_mask;
  float* cell_gradient = nullptr;  // [B, H] of this cell in, of the previous one out
  bool last = false;               // the last time step: cell_gradient counts as zero
};
template <typename Real>
void lstm_cell_backward(cudaStream_t stream, const LstmCellBackward<Real>& args);

}  // namespace showtell::cuda
