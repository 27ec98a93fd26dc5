// One teacher-forced pass over a batch: the loss, and on request the gradient of lossSum / tokenCount. All products run
// over valid tokens only. Legend: B = captions, N = tokens of all captions, H = hidden size, S = attention size.
#pragma once

#include <vector>

#include "model/training_batch.h"
#include "ops/dropout.h"

namespace showtell {

/// Everything a pass keeps for the way back; arrays lie in the context's arena.
class TrainingPass {
 public:
  /// Without `training`: no dropout, running statistics, no gradient. `packed` is room for weights, kept from pass to
  /// pass because new memory would be cleared by the system every time.
  TrainingPass(CpuContext& context, const DecoderSpec& spec, const ParameterPointers& parameters,
               const TrainingBatch& batch, bool training, PackedMatrix& packed);

  /// Forward; with `gradients`, backward as well: every trainable gradient is overwritten.
  LossSum run(const ParameterPointers* gradients);

  /// Moves the running statistics of batch normalization towards this batch's. After run(), once the update is certain.
  void update_running_statistics() const;

 private:
  /// Normalization of x[rows, columns]; y is x where the spec has none.
  struct NormalizationTape {
    const NormalizationPointers* parameters = nullptr;
    Index rows = 0, columns = 0;
    const float* x = nullptr;
    float* mean = nullptr;      // batch: [columns]; layer: [rows]
    float* variance = nullptr;  // batch: [columns]
    float* inverse = nullptr;   // layer: [rows]
  };
  struct LayerTape {
    NormalizationTape normalization;
    float* input = nullptr;       // [N, input_size] what the input weight multiplies
    float* input_mask = nullptr;  // [N or B, input_size]
    LstmSequence sequence;
  };

  // training_forward.cc
  void forward_image();
  const float* forward_embedding();
  const float* forward_layer(Index layer, const float* x);
  const float* forward_attention(const float* hidden);
  // training_loss.cc: forward, and with gradients backward as far as o
  double forward_loss(const float* o, const ParameterPointers* gradients, float* o_gradient);
  const float* normalize(NormalizationTape& tape, const NormalizationPointers& parameters, Index rows, Index columns,
                         const float* x);
  /// Null where the rate is 0 or outside training.
  float* mask(DropoutSite site, Index layer, double rate, Index count, const std::int32_t* rows,
              const std::int32_t* steps, Index columns);
  const float* masked(const float* x, const float* mask, Index size);

  // training_backward.cc
  void backward_attention(const ParameterPointers& gradients, const float* o_gradient, float* hidden_gradient);
  float* backward_layer(Index layer, const ParameterPointers& gradients, float* output_gradient);
  void backward_embedding(const ParameterPointers& gradients, float* x_gradient);
  void backward_image(const ParameterPointers& gradients);
  void backward_normalization(const NormalizationTape& tape, const NormalizationPointers& gradients, float* d);
  void apply_input_mask(const LayerTape& tape, Index columns, const float* x, float* out) const;

  CpuContext& context_;
  const DecoderSpec& spec_;
  const ParameterPointers& parameters_;
  const TrainingBatch& batch_;
  const bool training_;
  const PackedTokens tokens_;
  const ImageOrder order_;  // empty without attention

  // Image. With initial-state and image dropout the projections run per caption, otherwise per image.
  NormalizationTape image_normalization_;
  const float* pooled_ = nullptr;  // [images, feature_size] normalised
  float* image_mask_ = nullptr;    // first-input: [B, embedding_size]; initial-state: [B, feature_size]
  const float* projection_input_ = nullptr;
  Index projection_rows_ = 0;
  float* projected_ = nullptr;         // first-input: [images, embedding_size]
  float* projected_hidden_ = nullptr;  // initial-state: [projection rows, layers * H] after tanh
  float* projected_cell_ = nullptr;
  std::vector<std::int32_t> projection_of_caption_;  // [B] sorted row -> projection row
  float* projected_gradient_ = nullptr;
  float* projected_hidden_gradient_ = nullptr;
  float* projected_cell_gradient_ = nullptr;

  float* embedding_mask_ = nullptr;  // [N, embedding_size]
  std::vector<LayerTape> layers_;

  // Output; tokens by image with attention, time-major otherwise.
  const float* values_ = nullptr;  // [images * cells, S]
  float* value_mask_ = nullptr;
  float* keys_ = nullptr;
  float* queries_ = nullptr;  // [N, S]
  float* attention_weights_ = nullptr;
  const float* joined_ = nullptr;  // [N, H + S] after dropout
  float* joined_mask_ = nullptr;
  float* sorted_hidden_ = nullptr;   // [N, H]
  const float* attended_ = nullptr;  // [N, H]
  float* output_mask_ = nullptr;
  PackedMatrix& recurrent_;
};

}  // namespace showtell
