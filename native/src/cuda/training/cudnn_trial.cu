#include "cuda/stream.h"
#include "cuda/training/cudnn_lstm.h"

namespace showtell::cuda {

namespace {

constexpr Index kSize = 32, kCaptions = 2, kSteps = 2;

template <typename T>
DeviceBuffer<T> zeros(cudaStream_t stream, Index size) {
  DeviceBuffer<T> buffer(size);
  check(cudaMemsetAsync(buffer.data(), 0, static_cast<std::size_t>(buffer.bytes()), stream), "clearing memory");
  return buffer;
}

DecoderSpec small_spec() {
  DecoderSpec spec;
  spec.vocab_size = 5;
  spec.feature_size = 1;
  spec.embedding_size = spec.hidden_size = kSize;
  spec.layer_count = 1;
  return spec;
}

}  // namespace

void try_cudnn(const Cudnn& library) {
  const Stream stream;
  const DecoderSpec spec = small_spec();
  const ParameterLayout layout(spec);
  const auto parameters = zeros<float>(stream, layout.trainable_size());
  const auto gradients = zeros<float>(stream, layout.trainable_size());
  const CudnnLstm<float> lstm(library, spec, TrainingPrecision::float32, layout.pointers(parameters.data(), nullptr),
                              parameters.data());
  BatchShape shape;
  shape.captions = kCaptions;
  shape.steps = kSteps;
  const LstmCalls calls = lstm.calls(shape, true);
  const Index numbers = kSteps * kCaptions * row_stride<float>(kSize);
  const auto x = zeros<float>(stream, numbers), y = zeros<float>(stream, numbers);
  const auto x_gradient = zeros<float>(stream, numbers), y_gradient = zeros<float>(stream, numbers);
  const auto workspace = zeros<char>(stream, calls.workspace_bytes);
  const auto reserve = zeros<char>(stream, calls.reserve_bytes);

  LstmBatch<float> batch;
  batch.captions = kCaptions;
  batch.steps = kSteps;
  batch.training = true;
  batch.x = x.data();
  batch.y = y.data();
  batch.workspace = workspace.data();
  batch.reserve = reserve.data();
  LstmGradients<float> to;
  to.y = y_gradient.data();
  to.x = x_gradient.data();
  lstm.read_weights(stream);
  lstm.forward(stream, 0, batch);
  lstm.backward(stream, 0, batch, to);
  lstm.write_gradients(stream, gradients.data());
  stream.synchronize();
}

}  // namespace showtell::cuda
