// Decoding: the recurrent state of many hypotheses and one time step over it. Dropout is off, running statistics are
// used. Every row's result is independent, bit for bit, of the rows beside it: a search gives the same captions in any
// batch.
#pragma once

#include <memory>
#include <vector>

#include "model/inference_weights.h"
#include "model/token_gates.h"
#include "ops/attention.h"

namespace showtell {

/// Image features of a call, checked against the spec by the caller.
struct FeatureBatch {
  const float* pooled = nullptr;  // [images, feature_size]
  Index images = 0;
  const float* grid = nullptr;  // [images, cells, grid_feature_size] or null
  Index cells = 0;
};

/// What is computed once per image; shared by all states gathered from one start.
struct ImageMemory {
  AlignedBuffer projected;  // [images, embedding_size] with first-input
  AttentionMemory cells;    // with attention
};

/// Rows that continue the same hypothesis share its recurrent state: a beam's rows often have few parents.
struct DecoderState {
  Index rows = 0, parents = 0, cells = 0, steps = 0;
  std::vector<std::int32_t> image_of_row, parent_of_row;
  std::vector<AlignedBuffer> hidden, cell;  // per layer [parents, hidden_size]; empty where zeros
  AlignedBuffer attention;                  // [rows, cells] of the last step, where it is kept
  AlignedBuffer spare;                      // what a step writes to, then changes places with what it read
  std::shared_ptr<const ImageMemory> images;
  Index bytes() const;
};

/// Threads with contexts of their own may decode at the same time, after `prepare`.
class Inference {
 public:
  Inference(const DecoderSpec& spec, const ParameterPointers& parameters) : spec_(spec), parameters_(parameters) {}

  /// To be called when parameters have changed.
  void invalidate() { ready_ = false; }
  /// Packs the weights where that has not been done.
  void prepare(CpuContext& context);

  DecoderState start(CpuContext& context, const FeatureBatch& features) const;
  /// Row i continues what row rows[i] was.
  void gather(DecoderState& state, const std::int32_t* rows, Index count) const;

  /// Feeds a token a row; returns what the output matrix multiplies, [rows, output_size], in the arena.
  const float* advance(CpuContext& context, DecoderState& state, const std::int32_t* tokens, bool keep_attention);
  const Affine& output() const { return weights_.output; }

 private:
  /// Input gates of a layer: x[rows, input_size] after layer normalization, where there is one.
  void input_gates(CpuContext& context, Index layer, Index rows, const float* x, float* gates) const;
  void image_gates(CpuContext& context, const DecoderState& state, float* gates) const;
  void word_gates(CpuContext& context, const std::int32_t* tokens, Index count, float* gates) const;
  const float* attend(CpuContext& context, DecoderState& state, const float* below, bool keep_attention) const;

  const DecoderSpec& spec_;
  const ParameterPointers& parameters_;
  bool ready_ = false;
  InferenceWeights weights_;
  TokenGates token_gates_;
};

}  // namespace showtell
