// Decoding: the recurrent state of many hypotheses and one time step over it. Dropout is off, running statistics are
// used. Every row's result is independent, bit for bit, of the rows beside it: a search gives the same captions in any
// batch.
#pragma once

#include <memory>
#include <vector>

#include "model/parameters.h"
#include "ops/gemm.h"

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
  AlignedBuffer projected;        // [images, embedding_size] with first-input
  AlignedBuffer keys_transposed;  // [images, size, round_up(cells, kKeyStride)] with attention
  AlignedBuffer values;           // [images, cells, size] with attention
};

struct DecoderState {
  Index rows = 0, cells = 0, steps = 0;
  std::vector<std::int32_t> image_of_row;
  std::vector<AlignedBuffer> hidden, cell;  // per layer [rows, hidden_size]
  AlignedBuffer attention;                  // [rows, cells] of the last step, where it is kept
  AlignedBuffer spare;                      // what a gather writes to, then changes places with what it read
  std::shared_ptr<const ImageMemory> images;
  Index bytes() const;
};

/// Weights in the order the kernels read them, and the layer-0 input gates of every word met so far.
class Inference {
 public:
  Inference(const DecoderSpec& spec, const ParameterPointers& parameters) : spec_(spec), parameters_(parameters) {}

  /// To be called when parameters have changed.
  void invalidate() { ready_ = false; }

  DecoderState start(CpuContext& context, const FeatureBatch& features);
  void gather(CpuContext& context, DecoderState& state, const std::int32_t* rows, Index count) const;

  /// Feeds a token a row; returns what the output matrix multiplies, [rows, output_size], in the arena.
  const float* advance(CpuContext& context, DecoderState& state, const std::int32_t* tokens, bool keep_attention);
  const PackedMatrix& output_weight() const { return output_; }
  const float* output_bias() const { return parameters_.output_bias; }

 private:
  void prepare(CpuContext& context);
  void normalize(CpuContext& context, Index rows, Index columns, const NormalizationPointers& normalization,
                 const float* x, float* y) const;
  void first_layer_gates(CpuContext& context, const DecoderState& state, const std::int32_t* tokens, float* gates);
  void fill_token_gates(CpuContext& context, const std::int32_t* tokens, Index count);
  void word_gates(CpuContext& context, const std::int32_t* tokens, Index count, float* gates) const;

  const DecoderSpec& spec_;
  const ParameterPointers& parameters_;
  bool ready_ = false;
  std::vector<PackedMatrix> input_, recurrent_;
  PackedMatrix image_, image_hidden_, image_cell_, value_, key_, query_, attention_, projection_, output_;
  AlignedBuffer token_gates_;              // [vocab_size, 4 * hidden_size], filled as words are met
  std::vector<std::uint8_t> token_known_;  // empty where the table would be too large
};

}  // namespace showtell
