// One time step of the decoder on the device, and what it needs of the images. Everything is queued on a stream and
// nothing depends on values that the host would have to wait for: the same calls run at once or are recorded in a
// graph.
#pragma once

#include "cuda/activation_kind.h"
#include "cuda/decode/decoder_weights.h"

namespace showtell::cuda {

/// Features on the device.
struct DeviceFeatures {
  const float* pooled = nullptr;     // [images, feature_size]
  const float* grid = nullptr;       // [images, cells, grid_feature_size] or null
  const int* image_count = nullptr;  // on the device
  int most_images = 0, cells = 0;
};

/// What is computed once per image.
struct DeviceImageMemory {
  OperandBuffer pooled, projected, grid;  // intermediate
  DeviceBuffer<float> first_gates;        // [images, gates of the first layer], with first-input
  OperandBuffer keys, values;             // [images * cells, attention size], with attention
  Index bytes() const;
};

struct RecurrentState {
  std::vector<OperandBuffer> hidden;      // by layer, [rows, hidden]
  std::vector<DeviceBuffer<float>> cell;  // by layer, [rows, hidden padded]
  void reserve(const DecoderSpec& spec, Precision precision, Index rows);
  Index bytes() const;
};

/// The rows of a time step. All pointers are device memory.
struct StepRows {
  const int* row_count = nullptr;
  int most_rows = 0;
  const int* tokens = nullptr;
  const int* sources = nullptr;  // row of the last state that a row continues
  const int* images = nullptr;
  // Rows that look at the same image, for attention: see AttentionStep.
  const int* group_first_row = nullptr;
  const int* group_rows = nullptr;
  const int* group_image = nullptr;
  int most_groups = 0, cells = 0;
};

/// What a step writes besides the state.
struct StepScratch {
  OperandBuffer normalized, queries, attended, joined, projected;
  void reserve(const DecoderSpec& spec, Precision precision, Index rows);
  Index bytes() const;
};

class DecoderNetwork {
 public:
  DecoderNetwork(const DecoderSpec& spec, const ParameterPointers& parameters, Precision precision, KernelChoice choice)
      : spec_(spec), parameters_(parameters), precision_(precision), choice_(choice) {}

  const DecoderSpec& spec() const { return spec_; }
  Precision precision() const { return precision_; }
  const DecoderWeights& weights() const { return weights_; }
  const KernelChoice& choice() const { return choice_; }
  DecodeStream on(cudaStream_t stream) const { return {stream, precision_, choice_}; }

  /// Reads the parameters; to be called again when they have changed.
  void prepare(cudaStream_t stream) { weights_.pack(spec_, parameters_, precision_, stream); }

  static void reserve(const DecoderSpec& spec, Precision precision, Index images, Index cells,
                      DeviceImageMemory& memory);
  /// Fills `memory`, and `state` where the image is the initial state.
  void encode_images(const DecodeStream& stream, const DeviceFeatures& features, const DeviceImageMemory& memory,
                     const RecurrentState& state) const;

  /// Feeds a token a row: state `from` to state `to`. Returns what the output matrix multiplies. `first` marks the step
  /// that sees the image where the image is the first input. `weights`: attention weights, see AttentionStep.
  Operand advance(const DecodeStream& stream, const StepRows& rows, bool first, const DeviceImageMemory& memory,
                  const RecurrentState& from, const RecurrentState& to, const StepScratch& scratch,
                  float* weights) const;

 private:
  Operand run_layer(const DecodeStream& stream, const StepRows& rows, std::size_t at, bool first, Operand below,
                    const DeviceImageMemory& memory, const RecurrentState& from, const RecurrentState& to) const;
  Operand normalize(const DecodeStream& stream, const StepRows& rows, std::size_t layer, Operand below,
                    const StepScratch& scratch) const;
  Operand attend(const DecodeStream& stream, const StepRows& rows, Operand below, const DeviceImageMemory& memory,
                 const StepScratch& scratch, float* weights) const;
  void map_images(const DecodeStream& stream, const DeviceFeatures& features, Operand pooled, const PackedMap& map,
                  Activation activation, Operand out, float* floats) const;

  const DecoderSpec& spec_;
  const ParameterPointers& parameters_;
  const Precision precision_;
  const KernelChoice choice_;
  DecoderWeights weights_;
};

}  // namespace showtell::cuda
