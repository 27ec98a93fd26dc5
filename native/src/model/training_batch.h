// Captions of a batch, teacher-forced, and their tokens without padding. Legend: B = captions, N = tokens of all
// captions.
#pragma once

#include <vector>

#include "model/inference.h"
#include "ops/lstm.h"

namespace showtell {

/// As packages/core/src/decoder/backend.ts says; pointers belong to the caller.
struct TrainingBatch {
  FeatureBatch features;
  const std::int32_t* image_of_row = nullptr;  // [batch_size]
  Index batch_size = 0, time_steps = 0;
  const std::int32_t* token_ids = nullptr;  // [batch_size, time_steps]
  const std::int32_t* lengths = nullptr;    // [batch_size]
  const float* token_weights = nullptr;     // [batch_size, time_steps] or null
  const std::int32_t* input_token_ids = nullptr;  // [batch_size, time_steps], column 0 ignored; null = the captions' own
  double label_smoothing = 0;
  std::uint64_t dropout_seed = 0;
};

struct LossSum {
  double loss_sum = 0;
  Index token_count = 0;
};

/// Throws shape and option errors.
void check_batch(const DecoderSpec& spec, const TrainingBatch& batch);

/// Tokens time-major, captions sorted by length, longest first: the tokens of step t are rows [offsets[t], offsets[t +
/// 1]).
struct PackedTokens {
  std::vector<Index> row_counts, offsets;
  std::vector<std::int32_t> captions;        // [B] caption (row of the batch) of each sorted row
  std::vector<std::int32_t> caption_images;  // [B] its image
  std::vector<std::int32_t> inputs;          // [N] word that goes in; -1 where the image does
  std::vector<std::int32_t> targets, token_captions, token_steps, token_images;  // [N]
  std::vector<float> weights;                                                    // [N]
  Index captions_count() const { return static_cast<Index>(captions.size()); }
  Index token_count() const { return static_cast<Index>(targets.size()); }
  StepRanges ranges() const { return {static_cast<Index>(row_counts.size()), row_counts.data(), offsets.data()}; }
};

PackedTokens pack_tokens(const TrainingBatch& batch, bool image_goes_first);

/// The same tokens in another order: `order[i]` is the time-major token at place i, images one after the other.
struct ImageOrder {
  std::vector<std::int32_t> order;   // [N]
  std::vector<Index> image_offsets;  // [images + 1]
  std::vector<std::int32_t> targets, captions, steps;
  std::vector<float> weights;
};

ImageOrder order_by_image(const PackedTokens& tokens, Index images);

}  // namespace showtell
