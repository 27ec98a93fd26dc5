// A training batch as the device reads it: padded to a bucket of sizes, so that one captured graph serves many batches,
// with lists that say what is real. Row step * captions + caption is the caption's token of that step. Legend: B =
// captions, T = time steps, N = tokens, with padding.
#pragma once

#include <tuple>
#include <vector>

#include "cuda/training/step.h"
#include "model/training_batch.h"

namespace showtell::cuda {

/// Sizes of a batch, rounded up.
struct BatchShape {
  Index images = 0, cells = 0, captions = 0, steps = 0, tokens = 0;
  Index rows() const { return captions * steps; }
  bool operator<(const BatchShape& other) const {
    return std::tie(images, cells, captions, steps, tokens) <
           std::tie(other.images, other.cells, other.captions, other.steps, other.tokens);
  }
};

/// The least bucket that holds `size`: at most an eighth is padding.
Index bucket_of(Index size);
BatchShape shape_of(const TrainingBatch& batch);

/// Where everything but the features lies in one block of memory, on the host and on the device alike.
struct BatchLists {
  BatchLists(char* base, const BatchShape& shape, const DecoderSpec& spec);

  StepInputs* inputs;
  std::int32_t* lengths;            // [B], 0 in padding
  std::int32_t* image_of_caption;   // [B]
  std::int32_t* words;              // [T, B] what goes in: a word, kImageInput or kNoInput
  std::int32_t* token_rows;         // [N] rows of real tokens by image, -1 in padding
  std::int32_t* targets;            // [N], -1 in padding
  float* token_weights;             // [N]
  std::int32_t* token_starts;       // [images + 1] into token_rows
  std::int32_t* caption_starts;     // [images + 1] into captions_by_image
  std::int32_t* captions_by_image;  // [B]
  std::int32_t* word_starts;        // [distinct words + 1] into rows_by_word
  std::int32_t* rows_by_word;       // [T * B]
  std::int32_t* distinct_words;     // [distinct words]
  Index distinct_most;              // distinct words there can be
  Index bytes;                      // of the block
};

/// Fills the lists of a checked batch. `word_counts` is scratch of vocabulary size that holds zeros before and after.
void fill_lists(const TrainingBatch& batch, const BatchShape& shape, bool image_goes_first,
                std::vector<std::int32_t>& word_counts, const BatchLists& lists);

}  // namespace showtell::cuda
