// One teacher-forced pass over a batch on the device: the kernels of TrainingPass (model/training_pass.h), recorded
// into a stream. Every call only launches, so that a whole step can be captured; numbers that change from batch to
// batch lie in BatchLists on the device.
#pragma once

#include "cuda/gemm.h"
#include "cuda/stream.h"
#include "cuda/training/activation.h"
#include "cuda/training/attention.h"
#include "cuda/training/cudnn_lstm.h"
#include "cuda/training/dropout.h"
#include "cuda/training/training_arrays.h"
#include "cuda/training/weights.h"
#include "model/parameters.h"
#include "ops/dropout.h"

namespace showtell::cuda {

/// Where a pass reads and writes; all on the device.
template <typename Real>
struct PassMemory {
  const DecoderSpec& spec;
  BatchShape shape;
  const ParameterPointers& parameters;
  const ParameterPointers& gradients;
  float* flat_gradients;  // the array that `gradients` point into
  const WorkingWeights<Real>& weights;
  const CudnnLstm<Real>* lstm;  // null: our own kernels
  const BatchLists& lists;
  const float* pooled;  // [images, features]
  const float* grid;    // [images, cells, grid features]
  OptimizerState* state;
  StepOutcome* outcome;
};

/// A stream with what its kernels may not share with another stream's.
struct Lane {
  cudaStream_t stream;
  const Gemm* gemm;
  float* scratch;  // of column sums and normalization
};

/// Two streams: the time steps of the LSTM follow one another and leave most of a device idle, so work that none of
/// them waits for runs beside them.
struct Lanes {
  Lane main, side;
  const Event &forked, &joined;
};

template <typename Real>
class DevicePass {
 public:
  DevicePass(const Lanes& lanes, const PassMemory<Real>& memory, const TrainingArrays<Real>& arrays, bool training)
      : lanes_(lanes), lane_(lanes.main), memory_(memory), arrays_(arrays), training_(training) {}

  /// The losses of all tokens; with `training` every trainable gradient, times the loss scale, as well. All of it is
  /// done when the main stream gets there.
  void run();
  void update_running_statistics();

 private:
  struct Normalizer {
    const NormalizationPointers* parameters;
    const NormalizationPointers* gradients;
    NormalizationArrays<Real> arrays;
    NormalizedMatrix<Real> matrix;
  };

  // device_pass_forward.cu
  void forward_image();
  void forward_embedding();
  void forward_values();
  void forward_attention(Rows<const Real> top);
  void forward_output(Rows<const Real> top);
  Rows<const Real> normalize(const Normalizer& normalizer);

  // device_pass_backward.cu
  Rows<Real> backward_output();
  void backward_attention();
  void backward_values();
  void backward_embedding(Rows<const Real> x_gradient);
  void backward_image();
  void backward_normalization(const Normalizer& normalizer, Rows<Real> d);

  // device_pass_lstm.cu
  Rows<const Real> forward_layers(Rows<const Real> x);
  Rows<const Real> forward_layer(Index layer, Rows<const Real> x);
  Rows<const Real> prepare_input(Index layer, Rows<const Real> x);
  void set_initial_state(Index layer);
  Rows<Real> backward_layers(Rows<Real> output_gradient);
  Rows<Real> backward_layer(Index layer, Rows<Real> output_gradient);
  Rows<Real> input_gradient(Index layer, Rows<Real> output_gradient) const;
  void backward_input(Index layer, Rows<Real> d);
  template <typename From>
  void backward_initial_state(Index layer, Rows<const From> hidden, Rows<const From> cell);

  // device_pass_stack.cu
  Rows<const Real> forward_stack(Index first_layer, Rows<const Real> x);
  Rows<Real> backward_stack(Index first_layer, Rows<Real> output_gradient);
  LstmBatch<Real> stack_batch(Index first_layer) const;
  void clear_padding(Rows<Real> matrix, Index rows, Index columns) const;

  Normalizer image_normalizer() const;
  Normalizer layer_normalizer(Index layer, Rows<const Real> x) const;
  /// Step 0 needs no recurrent product where the state before it is zero.
  bool from_state() const { return memory_.spec.image_injection == ImageInjection::initial_state; }
  DropoutMask mask(DropoutSite site, Index layer, double rate) const;
  DropoutMask token_mask(DropoutSite site, double rate) const;
  DropoutMask input_mask(Index layer) const;
  Rows<const Real> layer_input(Index layer, Rows<const Real> x) const;
  /// The features as they came, in the type of the pass.
  Rows<const Real> pooled() const;
  Rows<const Real> grid() const;
  Rows<const Real> projection_input() const;
  Segments captions_of_images() const;

  /// What `work` launches goes to the side stream, after all that the main stream has been given so far.
  template <typename Work>
  void aside(const Work& work) {
    lanes_.forked.record(lanes_.main.stream);
    lanes_.forked.make_wait(lanes_.side.stream);
    lane_ = lanes_.side;
    work();
    lane_ = lanes_.main;
    went_aside_ = true;
  }
  /// What the main stream is given from now on comes after all that went aside.
  void join() {
    if (!went_aside_) return;  // a stream that has not been forked cannot join a recording
    went_aside_ = false;
    lanes_.joined.record(lanes_.side.stream);
    lanes_.joined.make_wait(lanes_.main.stream);
  }

  /// c[m, n] (+)= a[m, k] b[k, n]
  template <typename To>
  void multiply(Index m, Index n, Index k, Rows<const Real> a, Rows<const Real> b, Rows<To> c,
                bool accumulate = false) const {
    (*lane_.gemm)(lane_.stream, m, n, k, {a.data, a.stride}, {b.data, b.stride}, c.data, c.stride, accumulate);
  }
  /// c[m, n] (+)= a[m, k] b[n, k]^T
  template <typename To>
  void multiply_transposed(Index m, Index n, Index k, Rows<const Real> a, Rows<const Real> b, Rows<To> c,
                           bool accumulate = false) const {
    (*lane_.gemm)(lane_.stream, m, n, k, {a.data, a.stride}, {b.data, b.stride, true}, c.data, c.stride, accumulate);
  }
  /// The gradient of a weight: c[m, n] (+)= x[k, m]^T d[k, n]
  void weight_gradient(Index m, Index n, Index k, Rows<const Real> x, Rows<const Real> d, float* c,
                       bool accumulate = false) const {
    (*lane_.gemm)(lane_.stream, m, n, k, {x.data, x.stride, true}, {d.data, d.stride}, c, n, accumulate);
  }
  void bias_gradient(Index rows, Index columns, Rows<const Real> d, float* out, bool accumulate = false) const {
    column_sums(lane_.stream, rows, columns, d.data, d.stride, lane_.scratch, out, accumulate);
  }
  void clear(void* data, Index bytes) const {
    check(cudaMemsetAsync(data, 0, static_cast<std::size_t>(bytes), lane_.stream));
  }
  void clear(Rows<Real> matrix, Index rows) const {
    clear(matrix.data, rows * matrix.stride * static_cast<Index>(sizeof(Real)));
  }

  const Lanes& lanes_;
  Lane lane_;  // the one in use
  const PassMemory<Real>& memory_;
  const TrainingArrays<Real>& arrays_;
  const bool training_;
  bool went_aside_ = false;
  std::vector<Rows<const Real>> layer_inputs_;  // before normalization
};

}  // namespace showtell::cuda
