#include "cuda/training/batch_lists.h"

#include <algorithm>
#include <numeric>

#include "cuda/training/input_codes.h"
#include "cuda/training/placement.h"

namespace showtell::cuda {

Index bucket_of(Index size) {
  Index power = 1;
  while (power * 2 <= size) power *= 2;
  const Index step = std::max<Index>(1, power / 8);
  return (size + step - 1) / step * step;
}

BatchShape shape_of(const TrainingBatch& batch) {
  const auto* lengths = batch.lengths;
  const Index tokens = std::accumulate(lengths, lengths + batch.batch_size, Index{0});
  BatchShape shape;
  shape.images = bucket_of(batch.features.images);
  shape.cells = batch.features.grid == nullptr ? 0 : batch.features.cells;
  shape.captions = bucket_of(batch.batch_size);
  shape.steps = bucket_of(*std::max_element(lengths, lengths + batch.batch_size));
  shape.tokens = std::min(bucket_of(tokens), shape.rows());
  return shape;
}

BatchLists::BatchLists(char* base, const BatchShape& shape, const DecoderSpec& spec) {
  Placement place(base);
  distinct_most = std::min(shape.rows(), spec.vocab_size);
  inputs = place.take<StepInputs>(1);
  lengths = place.take<std::int32_t>(shape.captions);
  image_of_caption = place.take<std::int32_t>(shape.captions);
  words = place.take<std::int32_t>(shape.rows());
  token_rows = place.take<std::int32_t>(shape.tokens);
  targets = place.take<std::int32_t>(shape.tokens);
  token_weights = place.take<float>(shape.tokens);
  token_starts = place.take<std::int32_t>(shape.images + 1);
  caption_starts = place.take<std::int32_t>(shape.images + 1);
  captions_by_image = place.take<std::int32_t>(shape.captions);
  word_starts = place.take<std::int32_t>(distinct_most + 1);
  rows_by_word = place.take<std::int32_t>(shape.rows());
  distinct_words = place.take<std::int32_t>(distinct_most);
  bytes = place.bytes();
}

namespace {

/// Starts of consecutive groups from their sizes, written one place behind: starts[i + 1] holds the size of group i.
void sum_starts(std::int32_t* starts, Index groups) { std::partial_sum(starts, starts + groups + 1, starts); }

std::int32_t input_at(const TrainingBatch& batch, Index at, Index step, bool image_goes_first) {
  if (step == 0) return image_goes_first ? kImageInput : kStartTokenId;
  return batch.input_token_ids != nullptr ? batch.input_token_ids[at] : batch.token_ids[at - 1];
}

void list_words(const BatchShape& shape, std::vector<std::int32_t>& counts, const BatchLists& lists) {
  std::int32_t distinct = 0;
  for (Index row = 0; row < shape.rows(); ++row) {
    const std::int32_t word = lists.words[row];
    if (word < 0) continue;
    if (counts[static_cast<std::size_t>(word)]++ == 0) lists.distinct_words[distinct++] = word;
  }
  lists.word_starts[0] = 0;
  for (std::int32_t at = 0; at < distinct; ++at) {
    auto& count = counts[static_cast<std::size_t>(lists.distinct_words[at])];
    lists.word_starts[at + 1] = lists.word_starts[at] + count;
    count = lists.word_starts[at];  // from here on the place of the word's next row
  }
  for (Index row = 0; row < shape.rows(); ++row) {
    const std::int32_t word = lists.words[row];
    if (word >= 0) lists.rows_by_word[counts[static_cast<std::size_t>(word)]++] = static_cast<std::int32_t>(row);
  }
  for (std::int32_t at = 0; at < distinct; ++at) counts[static_cast<std::size_t>(lists.distinct_words[at])] = 0;
  lists.inputs->words = distinct;
}

}  // namespace

void fill_lists(const TrainingBatch& batch, const BatchShape& shape, bool image_goes_first,
                std::vector<std::int32_t>& word_counts, const BatchLists& lists) {
  std::fill_n(lists.lengths, shape.captions, 0);
  std::fill_n(lists.image_of_caption, shape.captions, 0);
  std::fill_n(lists.words, shape.rows(), kNoInput);
  std::fill_n(lists.token_rows, shape.tokens, -1);
  std::fill_n(lists.targets, shape.tokens, -1);
  std::fill_n(lists.token_weights, shape.tokens, 0.0f);
  std::fill_n(lists.token_starts, shape.images + 1, 0);
  std::fill_n(lists.caption_starts, shape.images + 1, 0);
  for (Index caption = 0; caption < batch.batch_size; ++caption) {
    const std::int32_t image = batch.image_of_row[caption], length = batch.lengths[caption];
    lists.lengths[caption] = length;
    lists.image_of_caption[caption] = image;
    lists.token_starts[image + 1] += length;
    ++lists.caption_starts[image + 1];
  }
  sum_starts(lists.token_starts, shape.images);
  sum_starts(lists.caption_starts, shape.images);
  std::vector<std::int32_t> next_token(lists.token_starts, lists.token_starts + shape.images);
  std::vector<std::int32_t> next_caption(lists.caption_starts, lists.caption_starts + shape.images);
  for (Index caption = 0; caption < batch.batch_size; ++caption) {
    const auto image = static_cast<std::size_t>(batch.image_of_row[caption]);
    lists.captions_by_image[next_caption[image]++] = static_cast<std::int32_t>(caption);
    for (Index step = 0; step < batch.lengths[caption]; ++step) {
      const Index from = caption * batch.time_steps + step, row = step * shape.captions + caption;
      const std::int32_t place = next_token[image]++;
      lists.words[row] = input_at(batch, from, step, image_goes_first);
      lists.token_rows[place] = static_cast<std::int32_t>(row);
      lists.targets[place] = batch.token_ids[from];
      lists.token_weights[place] = batch.token_weights == nullptr ? 1.0f : batch.token_weights[from];
    }
  }
  lists.inputs->images = static_cast<std::int32_t>(batch.features.images);
  lists.inputs->captions = static_cast<std::int32_t>(batch.batch_size);
  lists.inputs->tokens = lists.token_starts[shape.images];
  lists.inputs->label_smoothing = static_cast<float>(batch.label_smoothing);
  lists.inputs->seed_low = static_cast<std::uint32_t>(batch.dropout_seed);
  lists.inputs->seed_high = static_cast<std::uint32_t>(batch.dropout_seed >> 32);
  list_words(shape, word_counts, lists);
}

}  // namespace showtell::cuda
