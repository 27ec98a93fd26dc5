// cuDNN for the emulation: a shared library with the names and meanings of the real one's functions, as far as Showtell
// calls them, that computes on the host as nodes of the stream. What the real one refuses is refused.
#include <cstring>

#include "emulation/cuda_emulation.h"
#include "emulation/cudnn/lstm.h"

using namespace showtell;
using namespace showtell::cuda;
using namespace showtell::cuda::cudnn_stand_in;

#define EXPORTED extern "C" __attribute__((visibility("default")))

namespace {

constexpr std::size_t kWorkspaceBytes = 256;
/// At the head of a reserve: how far its batch has come.
enum class Stage : std::uint32_t { none, forward = 0xf0f0f0f0, backward = 0xb0b0b0b0 };
constexpr Index kStageBytes = 16;

Index reserve_bytes(const RnnDescriptorContents& rnn, const RnnDataDescriptorContents& x) {
  return kStageBytes + rnn.layers * reserve_floats(rnn, x.steps, x.batch) * static_cast<Index>(sizeof(float));
}
Stage& stage_of(void* reserve) { return *static_cast<Stage*>(reserve); }

/// The workspace holds nothing from call to call.
void spoil(void* workspace) { std::memset(workspace, 0xff, kWorkspaceBytes); }

bool fits_state(const RnnDescriptorContents& rnn, const RnnDataDescriptorContents& x,
                const TensorDescriptorContents& state) {
  const auto layers = static_cast<int>(rnn.layers), batch = static_cast<int>(x.batch);
  const auto hidden = static_cast<int>(rnn.hidden);
  return state.type == rnn.type && state.sizes == std::vector<int>{layers, batch, hidden} &&
         state.strides == std::vector<int>{batch * hidden, hidden, 1};
}

bool fits(const RnnDescriptorContents& rnn, const RnnDataDescriptorContents& x, const RnnDataDescriptorContents& y,
          const std::int32_t* lengths, std::size_t weights, std::size_t workspace) {
  return lengths == nullptr && rnn.padded_io && x.type == rnn.type && y.type == rnn.type && x.width == rnn.input_size &&
         y.width == rnn.hidden && x.steps == y.steps && x.batch == y.batch &&
         weights == static_cast<std::size_t>(weight_bytes(rnn)) && workspace >= kWorkspaceBytes;
}

Lstm lstm_of(const RnnDescriptorContents& rnn, const RnnDataDescriptorContents& x, const void* weights, void* reserve) {
  Lstm lstm;
  lstm.rnn = rnn;
  lstm.steps = x.steps;
  lstm.batch = x.batch;
  lstm.weights = weights;
  lstm.reserve = reinterpret_cast<float*>(static_cast<char*>(reserve) + kStageBytes);
  return lstm;
}

template <typename Contents>
CudnnStatus create(Contents** to) {
  *to = new Contents;
  return CudnnStatus::success;
}
template <typename Contents>
CudnnStatus destroy(Contents* contents) {
  delete contents;
  return CudnnStatus::success;
}

}  // namespace

#ifndef STAND_IN_VERSION
#define STAND_IN_VERSION 92801
#endif
EXPORTED std::size_t cudnnGetVersion() { return STAND_IN_VERSION; }
EXPORTED CudnnStatus cudnnAdvVersionCheck() { return CudnnStatus::success; }
EXPORTED const char* cudnnGetErrorString(CudnnStatus status) {
  return status == CudnnStatus::success ? "CUDNN_STATUS_SUCCESS"
         : status == kBadParameter      ? "CUDNN_STATUS_BAD_PARAM"
                                        : "CUDNN_STATUS_NOT_SUPPORTED";
}

EXPORTED CudnnStatus cudnnCreate(CudnnHandle* handle) { return create(handle); }
EXPORTED CudnnStatus cudnnDestroy(CudnnHandle handle) { return destroy(handle); }
EXPORTED CudnnStatus cudnnSetStream(CudnnHandle handle, cudaStream_t stream) {
  handle->stream = stream;
  return CudnnStatus::success;
}

EXPORTED CudnnStatus cudnnCreateTensorDescriptor(TensorDescriptor* tensor) { return create(tensor); }
EXPORTED CudnnStatus cudnnDestroyTensorDescriptor(TensorDescriptor tensor) { return destroy(tensor); }
EXPORTED CudnnStatus cudnnSetTensorNdDescriptor(TensorDescriptor tensor, CudnnDataType type, int dimensions,
                                                const int* sizes, const int* strides) {
  if (dimensions < 3) return kNotSupported;
  *tensor = {type, {sizes, sizes + dimensions}, {strides, strides + dimensions}};
  return CudnnStatus::success;
}
EXPORTED CudnnStatus cudnnGetTensorNdDescriptor(TensorDescriptor tensor, int wanted, CudnnDataType* type,
                                                int* dimensions, int* sizes, int* strides) {
  *type = tensor->type;
  *dimensions = static_cast<int>(tensor->sizes.size());
  for (int i = 0; i < wanted && i < *dimensions; ++i) {
    sizes[i] = tensor->sizes[static_cast<std::size_t>(i)];
    strides[i] = tensor->strides[static_cast<std::size_t>(i)];
  }
  return CudnnStatus::success;
}

EXPORTED CudnnStatus cudnnCreateDropoutDescriptor(DropoutDescriptor* dropout) { return create(dropout); }
EXPORTED CudnnStatus cudnnDestroyDropoutDescriptor(DropoutDescriptor dropout) { return destroy(dropout); }
EXPORTED CudnnStatus cudnnSetDropoutDescriptor(DropoutDescriptor dropout, CudnnHandle handle, float rate, void*,
                                               std::size_t, unsigned long long) {
  if (handle == nullptr || rate != 0) return kBadParameter;
  dropout->rate = rate;
  return CudnnStatus::success;
}

EXPORTED CudnnStatus cudnnCreateRNNDescriptor(RnnDescriptor* rnn) { return create(rnn); }
EXPORTED CudnnStatus cudnnDestroyRNNDescriptor(RnnDescriptor rnn) { return destroy(rnn); }
EXPORTED CudnnStatus cudnnSetRNNDescriptor_v8(RnnDescriptor rnn, RnnAlgorithm algorithm, RnnCell cell, RnnBias bias,
                                              RnnDirection direction, RnnInput input, CudnnDataType type,
                                              CudnnDataType precision, CudnnMath math, std::int32_t input_size,
                                              std::int32_t hidden, std::int32_t projection, std::int32_t layers,
                                              DropoutDescriptor dropout, std::uint32_t flags) {
  if (precision != CudnnDataType::float32 || dropout == nullptr || dropout->rate != 0) return kNotSupported;
  if (input_size < 1 || hidden < 1 || projection != hidden || layers < 1) return kBadParameter;
  if (algorithm != RnnAlgorithm::standard || cell != RnnCell::lstm || bias != RnnBias::two ||
      direction != RnnDirection::forward || input != RnnInput::linear)
    return kNotSupported;
  *rnn = {type, math, input_size, hidden, layers, (flags & kRnnPaddedIo) != 0};
  return CudnnStatus::success;
}

EXPORTED CudnnStatus cudnnCreateRNNDataDescriptor(RnnDataDescriptor* data) { return create(data); }
EXPORTED CudnnStatus cudnnDestroyRNNDataDescriptor(RnnDataDescriptor data) { return destroy(data); }
EXPORTED CudnnStatus cudnnSetRNNDataDescriptor(RnnDataDescriptor data, CudnnDataType type, RnnDataLayout layout,
                                               int steps, int batch, int width, const int* lengths, void*) {
  if (layout != RnnDataLayout::time_major || steps < 1 || batch < 1 || width < 1) return kBadParameter;
  for (int i = 0; i < batch; ++i) {
    if (lengths[i] != steps) return kNotSupported;
  }
  *data = {type, steps, batch, width};
  return CudnnStatus::success;
}

EXPORTED CudnnStatus cudnnGetRNNTempSpaceSizes(CudnnHandle, RnnDescriptor rnn, CudnnPass pass, RnnDataDescriptor x,
                                               std::size_t* workspace, std::size_t* reserve) {
  *workspace = kWorkspaceBytes + (pass == CudnnPass::training ? 64 : 0);
  *reserve = pass == CudnnPass::training ? static_cast<std::size_t>(reserve_bytes(*rnn, *x)) : 0;
  return CudnnStatus::success;
}
EXPORTED CudnnStatus cudnnGetRNNWeightSpaceSize(CudnnHandle handle, RnnDescriptor rnn, std::size_t* bytes) {
  if (handle == nullptr) return kBadParameter;
  *bytes = static_cast<std::size_t>(weight_bytes(*rnn));
  return CudnnStatus::success;
}
EXPORTED CudnnStatus cudnnGetRNNWeightParams(CudnnHandle handle, RnnDescriptor rnn, std::int32_t layer,
                                             std::size_t bytes, const void* weights, std::int32_t part,
                                             TensorDescriptor matrix_shape, void** matrix, TensorDescriptor bias_shape,
                                             void** bias) {
  if (handle == nullptr || layer < 0 || layer >= rnn->layers || part < 0 || part >= kParts) return kBadParameter;
  if (bytes != static_cast<std::size_t>(weight_bytes(*rnn))) return kBadParameter;
  const PartPlace place = place_of(*rnn, layer, part);
  const auto hidden = static_cast<int>(rnn->hidden), inputs = static_cast<int>(place.inputs);
  *matrix_shape = {rnn->type, {1, hidden, inputs}, {hidden * inputs, inputs, 1}};
  *bias_shape = {rnn->type, {1, hidden, 1}, {hidden, 1, 1}};
  char* const base = static_cast<char*>(const_cast<void*>(weights));
  *matrix = base + place.matrix * bytes_of(rnn->type);
  *bias = base + place.bias * bytes_of(rnn->type);
  return CudnnStatus::success;
}

EXPORTED CudnnStatus cudnnRNNForward(CudnnHandle handle, RnnDescriptor rnn, CudnnPass pass, const std::int32_t* lengths,
                                     RnnDataDescriptor x_shape, const void* x, RnnDataDescriptor y_shape, void* y,
                                     TensorDescriptor hidden_shape, const void* hidden, void* last_hidden,
                                     TensorDescriptor cell_shape, const void* cell, void* last_cell,
                                     std::size_t weight_bytes_given, const void* weights, std::size_t workspace_bytes,
                                     void* workspace, std::size_t reserve_bytes_given, void* reserve) {
  const auto needed = static_cast<std::size_t>(reserve_bytes(*rnn, *x_shape));
  const bool training = pass == CudnnPass::training;
  if (!fits(*rnn, *x_shape, *y_shape, lengths, weight_bytes_given, workspace_bytes) ||
      !fits_state(*rnn, *x_shape, *hidden_shape) || !fits_state(*rnn, *x_shape, *cell_shape))
    return kBadParameter;
  if (training ? reserve_bytes_given < needed : reserve != nullptr) return kBadParameter;
  if (last_hidden != nullptr || last_cell != nullptr) return kNotSupported;
  cuda_emulation::host_node(handle->stream, [=, rnn = *rnn, shape = *x_shape] {
    std::vector<char> own(training ? 0 : needed);
    void* const kept = training ? reserve : own.data();
    lstm_of(rnn, shape, weights, kept).forward(x, y, hidden, cell);
    stage_of(kept) = Stage::forward;
    spoil(workspace);
  });
  return CudnnStatus::success;
}

EXPORTED CudnnStatus cudnnRNNBackwardData_v8(CudnnHandle handle, RnnDescriptor rnn, const std::int32_t* lengths,
                                             RnnDataDescriptor y_shape, const void*, const void* y_gradient,
                                             RnnDataDescriptor x_shape, void* x_gradient, TensorDescriptor hidden_shape,
                                             const void*, const void* last_hidden_gradient, void* hidden_gradient,
                                             TensorDescriptor cell_shape, const void*, const void* last_cell_gradient,
                                             void* cell_gradient, std::size_t weight_bytes_given, const void* weights,
                                             std::size_t workspace_bytes, void* workspace,
                                             std::size_t reserve_bytes_given, void* reserve) {
  if (!fits(*rnn, *x_shape, *y_shape, lengths, weight_bytes_given, workspace_bytes) ||
      !fits_state(*rnn, *x_shape, *hidden_shape) || !fits_state(*rnn, *x_shape, *cell_shape) ||
      reserve_bytes_given < static_cast<std::size_t>(reserve_bytes(*rnn, *x_shape)))
    return kBadParameter;
  if (last_hidden_gradient != nullptr || last_cell_gradient != nullptr) return kNotSupported;
  cuda_emulation::host_node(handle->stream, [=, rnn = *rnn, shape = *x_shape] {
    if (stage_of(reserve) != Stage::forward) cuda_emulation::fail("cudnnRNNBackwardData_v8 without cudnnRNNForward");
    lstm_of(rnn, shape, weights, reserve).backward_data(y_gradient, x_gradient, hidden_gradient, cell_gradient);
    stage_of(reserve) = Stage::backward;
    spoil(workspace);
  });
  return CudnnStatus::success;
}

EXPORTED CudnnStatus cudnnRNNBackwardWeights_v8(CudnnHandle handle, RnnDescriptor rnn, WeightGradient mode,
                                                const std::int32_t* lengths, RnnDataDescriptor x_shape, const void* x,
                                                TensorDescriptor hidden_shape, const void*, RnnDataDescriptor y_shape,
                                                const void*, std::size_t weight_bytes_given, void* gradients,
                                                std::size_t workspace_bytes, void* workspace,
                                                std::size_t reserve_bytes_given, void* reserve) {
  if (mode != WeightGradient::add) return kNotSupported;
  if (!fits(*rnn, *x_shape, *y_shape, lengths, weight_bytes_given, workspace_bytes) ||
      !fits_state(*rnn, *x_shape, *hidden_shape) ||
      reserve_bytes_given < static_cast<std::size_t>(reserve_bytes(*rnn, *x_shape)))
    return kBadParameter;
  cuda_emulation::host_node(handle->stream, [=, rnn = *rnn, shape = *x_shape] {
    if (stage_of(reserve) != Stage::backward) {
      cuda_emulation::fail("cudnnRNNBackwardWeights_v8 without cudnnRNNBackwardData_v8");
    }
    lstm_of(rnn, shape, nullptr, reserve).backward_weights(x, gradients);
    spoil(workspace);
  });
  return CudnnStatus::success;
}
