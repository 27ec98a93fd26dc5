#include "cuda/training/cudnn_lstm.h"

#include <algorithm>
#include <string>

#include "cuda/stream.h"

namespace showtell::cuda {

namespace {

constexpr int kGates = 4;

void check_library(const Cudnn& library, CudnnStatus status, const char* doing) {
  if (status == CudnnStatus::success) return;
  if (status == CudnnStatus::device_allocation_failed) throw to_error(cudaErrorMemoryAllocation, doing);
  throw Error(ErrorCode::unavailable, std::string("cuDNN failed (") + library.error_string(status) + ") while " +
                                          doing + ". Hint: SHOWTELL_CUDNN=none trains without it.");
}

/// A descriptor of the library's, destroyed with this.
template <typename Descriptor>
class Owned {
 public:
  Owned(const Cudnn& library, CudnnStatus (*create)(Descriptor*), CudnnStatus (*destroy)(Descriptor))
      : destroy_(destroy) {
    check_library(library, create(&descriptor_), "starting");
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() { (void)destroy_(descriptor_); }
  operator Descriptor() const { return descriptor_; }

 private:
  CudnnStatus (*destroy_)(Descriptor);
  Descriptor descriptor_ = nullptr;
};

struct OwnedTensor : Owned<TensorDescriptor> {
  explicit OwnedTensor(const Cudnn& library) : Owned(library, library.tensor_create, library.tensor_destroy) {}
};
struct OwnedData : Owned<RnnDataDescriptor> {
  explicit OwnedData(const Cudnn& library) : Owned(library, library.data_create, library.data_destroy) {}
};

template <typename Real>
constexpr CudnnDataType data_type() {
  return sizeof(Real) == 2 ? CudnnDataType::float16 : CudnnDataType::float32;
}

CudnnMath math_of(TrainingPrecision precision) {
  switch (precision) {
    case TrainingPrecision::float16:
      return CudnnMath::tensor_cores;
    case TrainingPrecision::tf32:
      return CudnnMath::standard;
    case TrainingPrecision::float32:
      break;
  }
  return CudnnMath::fma;
}

DeviceBuffer<char> zeros(std::size_t bytes) {
  DeviceBuffer<char> buffer(static_cast<Index>(bytes));
  check(cudaMemset(buffer.data(), 0, bytes), "clearing memory");
  check(cudaStreamSynchronize(nullptr), "clearing memory");
  return buffer;
}

}  // namespace

/// Descriptors of one batch shape.
template <typename Real>
struct CudnnLstm<Real>::Plan {
  OwnedData x, y;
  OwnedTensor state;
  std::size_t inference_workspace = 0, training_workspace = 0, reserve = 0;

  explicit Plan(const Cudnn& library) : x(library), y(library), state(library) {}
};

/// Layers that one call computes, with their weights as cuDNN lays them out.
template <typename Real>
class CudnnLstm<Real>::Stack {
 public:
  Stack(const Cudnn& library, CudnnHandle handle, const DecoderSpec& spec, TrainingPrecision precision,
        Index first_layer, Index layers)
      : library_(library),
        handle_(handle),
        first_layer_(first_layer),
        layers_(layers),
        input_size_(spec.input_size(first_layer)),
        hidden_(spec.hidden_size),
        dropout_(library, library.dropout_create, library.dropout_destroy),
        rnn_(library, library.rnn_create, library.rnn_destroy) {
    const auto describe = [&](CudnnStatus status) { check_library(library_, status, "describing the LSTM"); };
    describe(library_.dropout_set(dropout_, handle_, 0, nullptr, 0, 0));
    const auto width = static_cast<std::int32_t>(padded_hidden());
    describe(library_.rnn_set(rnn_, RnnAlgorithm::standard, RnnCell::lstm, RnnBias::two, RnnDirection::forward,
                              RnnInput::linear, data_type<Real>(), CudnnDataType::float32, math_of(precision),
                              static_cast<std::int32_t>(padded_input()), width, width,
                              static_cast<std::int32_t>(layers_), dropout_, kRnnPaddedIo));
    std::size_t bytes = 0;
    describe(library_.weight_space(handle_, rnn_, &bytes));
    // Zeros remain in the padding and in the second bias.
    weights_ = zeros(bytes);
    gradients_ = zeros(bytes);
  }

  /// Where each gate's matrices and bias lie.
  void list_matrices(const ParameterPointers& parameters, const float* flat, std::vector<GateMatrix<Real>>& to) const {
    for (Index layer = 0; layer < layers_; ++layer) {
      const LayerPointers& own = parameters.layers[static_cast<std::size_t>(first_layer_ + layer)];
      for (int part = 0; part < 2 * kGates; ++part) {
        const bool recurrent = part >= kGates;
        const Index width = recurrent ? padded_hidden() : layer_input(layer, true);
        void *matrix = nullptr, *bias = nullptr;
        find(layer, part, width, &matrix, &bias);
        const auto add = [&](const float* parameter, Index inputs, Index stride, void* place) {
          const Index offset = parameter + part % kGates * hidden_ - flat;
          const Index behind = static_cast<char*>(place) - weights_.data();
          to.push_back({offset, static_cast<std::int32_t>(kGates * hidden_), static_cast<std::int32_t>(inputs),
                        static_cast<std::int32_t>(hidden_), static_cast<std::int32_t>(stride),
                        static_cast<Real*>(place), reinterpret_cast<Real*>(gradients_.data() + behind)});
        };
        if (recurrent) {
          add(own.recurrent_weight, hidden_, width, matrix);
        } else {
          add(own.input_weight, layer_input(layer, false), width, matrix);
          add(own.bias, 1, 1, bias);
        }
      }
    }
  }

  const Plan& plan(Index captions, Index steps) const {
    const auto key = std::make_tuple(captions, steps);
    const auto found = plans_.find(key);
    if (found != plans_.end()) return *found->second;
    auto plan = std::make_unique<Plan>(library_);
    const auto describe = [&](CudnnStatus status) { check_library(library_, status, "describing a batch"); };
    const auto batch = static_cast<int>(captions), length = static_cast<int>(steps);
    const std::vector<int> lengths(static_cast<std::size_t>(captions), length);
    const auto describe_rows = [&](RnnDataDescriptor rows, Index columns) {
      describe(library_.data_set(rows, data_type<Real>(), RnnDataLayout::time_major, length, batch,
                                 static_cast<int>(columns), lengths.data(), nullptr));
    };
    describe_rows(plan->x, padded_input());
    describe_rows(plan->y, padded_hidden());
    const int width = static_cast<int>(padded_hidden());
    const int sizes[] = {static_cast<int>(layers_), batch, width}, strides[] = {batch * width, width, 1};
    describe(library_.tensor_set(plan->state, data_type<Real>(), 3, sizes, strides));
    std::size_t none = 0;
    describe(library_.temporary_space(handle_, rnn_, CudnnPass::inference, plan->x, &plan->inference_workspace, &none));
    describe(library_.temporary_space(handle_, rnn_, CudnnPass::training, plan->x, &plan->training_workspace,
                                      &plan->reserve));
    return *plans_.emplace(key, std::move(plan)).first->second;
  }

  void forward(const LstmBatch<Real>& batch) const {
    const Plan& own = plan(batch.captions, batch.steps);
    const auto pass = batch.training ? CudnnPass::training : CudnnPass::inference;
    const std::size_t workspace = batch.training ? own.training_workspace : own.inference_workspace;
    check_library(
        library_,
        library_.forward(handle_, rnn_, pass, nullptr, own.x, batch.x, own.y, batch.y, own.state, batch.hidden, nullptr,
                         own.state, batch.cell, nullptr, weight_bytes(), weights_.data(), workspace, batch.workspace,
                         batch.training ? own.reserve : 0, batch.training ? batch.reserve : nullptr),
        "running the LSTM");
  }

  void backward(cudaStream_t stream, const LstmBatch<Real>& batch, const LstmGradients<Real>& to) const {
    const Plan& own = plan(batch.captions, batch.steps);
    check_library(
        library_,
        library_.backward_data(handle_, rnn_, nullptr, own.y, batch.y, to.y, own.x, to.x, own.state, batch.hidden,
                               nullptr, to.hidden, own.state, batch.cell, nullptr, to.cell, weight_bytes(),
                               weights_.data(), own.training_workspace, batch.workspace, own.reserve, batch.reserve),
        "running the LSTM backwards");
    // cuDNN adds to what is there.
    check(cudaMemsetAsync(gradients_.data(), 0, weight_bytes(), stream), "clearing gradients");
    check_library(library_,
                  library_.backward_weights(handle_, rnn_, WeightGradient::add, nullptr, own.x, batch.x, own.state,
                                            batch.hidden, own.y, batch.y, weight_bytes(), gradients_.data(),
                                            own.training_workspace, batch.workspace, own.reserve, batch.reserve),
                  "taking the LSTM's weight gradients");
  }

 private:
  Index padded_input() const { return row_stride<Real>(input_size_); }
  Index padded_hidden() const { return row_stride<Real>(hidden_); }
  Index layer_input(Index layer, bool padded) const {
    if (layer == 0) return padded ? padded_input() : input_size_;
    return padded ? padded_hidden() : hidden_;
  }
  std::size_t weight_bytes() const { return static_cast<std::size_t>(weights_.bytes()); }

  void find(Index layer, int part, Index width, void** matrix, void** bias) const {
    const OwnedTensor matrix_shape(library_), bias_shape(library_);
    check_library(library_,
                  library_.find_weights(handle_, rnn_, static_cast<std::int32_t>(layer), weight_bytes(),
                                        weights_.data(), part, matrix_shape, matrix, bias_shape, bias),
                  "looking for weights");
    CudnnDataType type;
    int dimensions = 0, sizes[3] = {}, strides[3] = {};
    check_library(library_, library_.tensor_get(matrix_shape, 3, &type, &dimensions, sizes, strides),
                  "looking for weights");
    if (dimensions == 3 && sizes[1] == padded_hidden() && sizes[2] == width && strides[1] == width && strides[2] == 1)
      return;
    throw Error(ErrorCode::unavailable, "Expected cuDNN's LSTM weights as one matrix [" +
                                            std::to_string(padded_hidden()) + ", " + std::to_string(width) +
                                            "] a gate but this version lays them out otherwise. Hint: "
                                            "SHOWTELL_CUDNN=none trains without it.");
  }

  const Cudnn& library_;
  const CudnnHandle handle_;
  const Index first_layer_, layers_, input_size_, hidden_;
  Owned<DropoutDescriptor> dropout_;  // none, but cuDNN wants to be told so
  Owned<RnnDescriptor> rnn_;
  DeviceBuffer<char> weights_, gradients_;
  mutable std::map<std::tuple<Index, Index>, std::unique_ptr<Plan>> plans_;
};

template <typename Real>
CudnnLstm<Real>::CudnnLstm(const Cudnn& library, const DecoderSpec& spec, TrainingPrecision precision,
                           const ParameterPointers& parameters, const float* flat_parameters)
    : library_(library),
      // Where something happens between layers, each is a call of its own.
      layers_together_(spec.normalization == Normalization::none && spec.dropout.input == 0 ? spec.layer_count : 1),
      flat_parameters_(flat_parameters) {
  create_handle();
  try {
    std::vector<GateMatrix<Real>> matrices;
    for (Index layer = 0; layer < spec.layer_count; layer += layers_together_) {
      stacks_.push_back(std::make_unique<Stack>(library_, handle_, spec, precision, layer, layers_together_));
      stacks_.back()->list_matrices(parameters, flat_parameters, matrices);
    }
    matrices_ = DeviceBuffer<GateMatrix<Real>>(static_cast<Index>(matrices.size()));
    copy_to_device(matrices_, matrices);
  } catch (...) {
    stacks_.clear();
    destroy_handle();
    throw;
  }
}

template <typename Real>
CudnnLstm<Real>::~CudnnLstm() {
  stacks_.clear();
  destroy_handle();
}

// cudnnDestroy waits for the whole device; what cudnnCreate does besides is not documented.
template <typename Real>
void CudnnLstm<Real>::create_handle() {
  const std::lock_guard<std::mutex> alone(recording_mutex());
  check_library(library_, library_.create(&handle_), "starting");
}

template <typename Real>
void CudnnLstm<Real>::destroy_handle() noexcept {
  const std::lock_guard<std::mutex> alone(recording_mutex());
  (void)library_.destroy(handle_);
}

template <typename Real>
const typename CudnnLstm<Real>::Stack& CudnnLstm<Real>::stack_of(Index first_layer) const {
  return *stacks_[static_cast<std::size_t>(first_layer / layers_together_)];
}

template <typename Real>
LstmCalls CudnnLstm<Real>::calls(const BatchShape& shape, bool training) const {
  LstmCalls calls;
  calls.layers_together = layers_together_;
  for (const auto& stack : stacks_) {
    const Plan& plan = stack->plan(shape.captions, shape.steps);
    const std::size_t workspace = training ? plan.training_workspace : plan.inference_workspace;
    calls.workspace_bytes = std::max(calls.workspace_bytes, static_cast<Index>(workspace));
    if (training) calls.reserve_bytes = std::max(calls.reserve_bytes, static_cast<Index>(plan.reserve));
  }
  return calls;
}

template <typename Real>
void CudnnLstm<Real>::read_weights(cudaStream_t stream) const {
  pack_gates<Real>(stream, matrices_.data(), matrices_.size(), flat_parameters_);
}

template <typename Real>
void CudnnLstm<Real>::forward(cudaStream_t stream, Index first_layer, const LstmBatch<Real>& batch) const {
  check_library(library_, library_.set_stream(handle_, stream), "choosing a stream");
  stack_of(first_layer).forward(batch);
}

template <typename Real>
void CudnnLstm<Real>::backward(cudaStream_t stream, Index first_layer, const LstmBatch<Real>& batch,
                               const LstmGradients<Real>& gradients) const {
  check_library(library_, library_.set_stream(handle_, stream), "choosing a stream");
  stack_of(first_layer).backward(stream, batch, gradients);
}

template <typename Real>
void CudnnLstm<Real>::write_gradients(cudaStream_t stream, float* flat_gradients) const {
  unpack_gates<Real>(stream, matrices_.data(), matrices_.size(), flat_gradients);
}

template class CudnnLstm<float>;
template class CudnnLstm<half>;

}  // namespace showtell::cuda
