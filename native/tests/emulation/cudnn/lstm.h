// The LSTM that the stand-in for cuDNN computes on the host: the equations of cudnnRNNMode_t's CUDNN_LSTM, with two
// biases, layer by layer, every sequence to the end. Legend: B = batch, T = time steps, H = hidden size.
#pragma once

#include "emulation/cudnn/descriptors.h"

namespace showtell::cuda::cudnn_stand_in {

struct Lstm {
  RnnDescriptorContents rnn;
  Index steps = 0, batch = 0;
  const void* weights = nullptr;
  float* reserve = nullptr;  // one block a layer

  /// x [T * B, input], y [T * B, H]; states [layers * B, H], null for zero.
  void forward(const void* x, void* y, const void* hidden, const void* cell) const;
  /// Leaves the gradients of the gates where the gates were. State gradients null: not wanted.
  void backward_data(const void* y_gradient, void* x_gradient, void* hidden_gradient, void* cell_gradient) const;
  /// Adds to the gradients of the weights.
  void backward_weights(const void* x, void* gradients) const;

 private:
  struct LayerMemory {
    float *gates, *cells, *outputs;  // [T * B, 4H], [(T + 1) * B, H], likewise
  };
  LayerMemory memory_of(Index layer) const;
  /// As the library would multiply it: rounded to tf32 where that is its mode.
  float operand(float value) const;
  float load(const void* data, Index at) const;
  void store(void* data, Index at, float value) const;
  float rounded(float value) const;
  std::vector<float> matrix_of(Index layer, int part) const;
};

}  // namespace showtell::cuda::cudnn_stand_in
