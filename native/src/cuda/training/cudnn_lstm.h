// The LSTM of a training step by cuDNN: a stack of layers over all time steps in one call, all sequences as long as the
// longest. Padding is told apart by the loss, whose gradient is zero there. Legend: B = captions, T = time steps, H =
// hidden size; rows are padded to row_stride<Real>(columns), and what lies there must be zero in all that is read.
#pragma once

#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "cuda/cudnn.h"
#include "cuda/memory.h"
#include "cuda/training/lstm_weights.h"
#include "cuda/training/step_recorder.h"
#include "cuda/training/training_arrays.h"

namespace showtell::cuda {

/// What a stack reads and writes, on the device; the state before the first step is null where it is zero.
template <typename Real>
struct LstmBatch {
  Index captions = 0, steps = 0;
  bool training = false;
  const Real* x = nullptr;       // [T * B, input size of the first layer]
  Real* y = nullptr;             // [T * B, H] of the last layer
  const Real* hidden = nullptr;  // [layers * B, H]
  const Real* cell = nullptr;    // likewise
  char* workspace = nullptr;
  char* reserve = nullptr;  // from forward to backward; of this stack alone
};

/// With the state's gradients null where the state is.
template <typename Real>
struct LstmGradients {
  const Real* y = nullptr;
  Real* x = nullptr;
  Real* hidden = nullptr;
  Real* cell = nullptr;
};

template <typename Real>
class CudnnLstm {
 public:
  /// cuDNN's gates are sigmoids, and it has no masks between time steps.
  static bool can_run(const DecoderSpec& spec) { return !spec.hard_sigmoid && spec.dropout.recurrent == 0; }

  /// `parameters` point into `flat_parameters`, on the device. Throws unavailable errors.
  CudnnLstm(const Cudnn& library, const DecoderSpec& spec, TrainingPrecision precision,
            const ParameterPointers& parameters, const float* flat_parameters);
  CudnnLstm(const CudnnLstm&) = delete;
  CudnnLstm& operator=(const CudnnLstm&) = delete;
  ~CudnnLstm();

  /// All layers, or one: then something happens between them.
  Index layers_together() const { return layers_together_; }
  LstmCalls calls(const BatchShape& shape, bool training) const;

  // Nothing below allocates or waits for a shape that calls() was asked about.

  /// Takes over the weights as they are now.
  void read_weights(cudaStream_t stream) const;
  /// The layers from `first_layer` on that go together.
  void forward(cudaStream_t stream, Index first_layer, const LstmBatch<Real>& batch) const;
  /// After forward of the same batch.
  void backward(cudaStream_t stream, Index first_layer, const LstmBatch<Real>& batch,
                const LstmGradients<Real>& gradients) const;
  /// Writes the gradients of all weights and biases, after backward of all stacks.
  void write_gradients(cudaStream_t stream, float* flat_gradients) const;

 private:
  class Stack;
  struct Plan;

  void create_handle();
  void destroy_handle() noexcept;
  const Stack& stack_of(Index first_layer) const;

  const Cudnn& library_;
  const Index layers_together_;
  const float* const flat_parameters_;
  CudnnHandle handle_ = nullptr;
  std::vector<std::unique_ptr<Stack>> stacks_;
  DeviceBuffer<GateMatrix<Real>> matrices_;
};

}  // namespace showtell::cuda
