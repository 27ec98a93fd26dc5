#include "model/training_batch.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

namespace showtell {

namespace {

[[noreturn]] void fail(ErrorCode code, const std::string& what, const std::string& name, double actual) {
  const bool integral = std::floor(actual) == actual && std::fabs(actual) < 1e15;
  throw Error(code,
              expected(what, name, integral ? std::to_string(static_cast<long long>(actual)) : std::to_string(actual)));
}

/// The word that goes in at a step; -1 where the image does.
std::int32_t input_at(const TrainingBatch& batch, Index at, Index step, bool image_goes_first) {
  if (step == 0) return image_goes_first ? -1 : kStartTokenId;
  return batch.input_token_ids != nullptr ? batch.input_token_ids[at] : batch.token_ids[at - 1];
}

std::string below(Index limit) { return "0 to " + std::to_string(limit - 1); }

}  // namespace

void check_batch(const DecoderSpec& spec, const TrainingBatch& batch) {
  if (batch.features.images < 1)
    fail(ErrorCode::shape, "at least one", "images", static_cast<double>(batch.features.images));
  if (batch.batch_size < 1) fail(ErrorCode::shape, "at least one", "batchSize", static_cast<double>(batch.batch_size));
  if (batch.time_steps < 1) fail(ErrorCode::shape, "at least one", "timeSteps", static_cast<double>(batch.time_steps));
  if (!(batch.label_smoothing >= 0 && batch.label_smoothing < 1)) {
    fail(ErrorCode::option, "0 up to but not 1", "labelSmoothing", batch.label_smoothing);
  }
  for (Index row = 0; row < batch.batch_size; ++row) {
    if (batch.image_of_row[row] < 0 || batch.image_of_row[row] >= batch.features.images) {
      fail(ErrorCode::shape, below(batch.features.images), "imageOfRow", batch.image_of_row[row]);
    }
    if (batch.lengths[row] < 1 || batch.lengths[row] > batch.time_steps) {
      fail(ErrorCode::shape, "1 to " + std::to_string(batch.time_steps), "lengths", batch.lengths[row]);
    }
    for (Index step = 0; step < batch.lengths[row]; ++step) {
      const std::int32_t token = batch.token_ids[row * batch.time_steps + step];
      if (token < 0 || token >= spec.vocab_size) fail(ErrorCode::shape, below(spec.vocab_size), "tokenIds", token);
      if (batch.input_token_ids == nullptr || step == 0) continue;
      const std::int32_t input = batch.input_token_ids[row * batch.time_steps + step];
      if (input < 0 || input >= spec.vocab_size) fail(ErrorCode::shape, below(spec.vocab_size), "inputTokenIds", input);
    }
  }
  // Indices of tokens and of attention cells are 32-bit.
  constexpr Index kMost = std::numeric_limits<std::int32_t>::max();
  if (batch.batch_size > kMost / batch.time_steps ||
      batch.features.images > kMost / std::max<Index>(1, batch.features.cells)) {
    fail(ErrorCode::shape, "fewer than 2^31 tokens", "a batch", static_cast<double>(batch.batch_size));
  }
}

PackedTokens pack_tokens(const TrainingBatch& batch, bool image_goes_first) {
  PackedTokens packed;
  packed.captions.resize(static_cast<std::size_t>(batch.batch_size));
  std::iota(packed.captions.begin(), packed.captions.end(), 0);
  std::stable_sort(packed.captions.begin(), packed.captions.end(),
                   [&](std::int32_t a, std::int32_t b) { return batch.lengths[a] > batch.lengths[b]; });
  for (const auto caption : packed.captions) packed.caption_images.push_back(batch.image_of_row[caption]);
  packed.offsets.push_back(0);
  for (Index step = 0; step < batch.lengths[packed.captions.front()]; ++step) {
    Index rows = 0;
    for (const auto caption : packed.captions) {
      if (batch.lengths[caption] <= step) break;
      ++rows;
      const Index at = caption * batch.time_steps + step;
      packed.inputs.push_back(input_at(batch, at, step, image_goes_first));
      packed.targets.push_back(batch.token_ids[at]);
      packed.token_captions.push_back(caption);
      packed.token_steps.push_back(static_cast<std::int32_t>(step));
      packed.token_images.push_back(batch.image_of_row[caption]);
      packed.weights.push_back(batch.token_weights == nullptr ? 1.0f : batch.token_weights[at]);
    }
    packed.row_counts.push_back(rows);
    packed.offsets.push_back(packed.offsets.back() + rows);
  }
  return packed;
}

ImageOrder order_by_image(const PackedTokens& tokens, Index images) {
  ImageOrder result;
  result.image_offsets.assign(static_cast<std::size_t>(images) + 1, 0);
  for (const auto image : tokens.token_images) ++result.image_offsets[static_cast<std::size_t>(image) + 1];
  std::partial_sum(result.image_offsets.begin(), result.image_offsets.end(), result.image_offsets.begin());
  auto next = result.image_offsets;
  result.order.resize(tokens.targets.size());
  for (std::size_t token = 0; token < tokens.targets.size(); ++token) {
    const auto place = next[static_cast<std::size_t>(tokens.token_images[token])]++;
    result.order[static_cast<std::size_t>(place)] = static_cast<std::int32_t>(token);
  }
  for (const auto token : result.order) {
    const auto at = static_cast<std::size_t>(token);
    result.targets.push_back(tokens.targets[at]);
    result.captions.push_back(tokens.token_captions[at]);
    result.steps.push_back(tokens.token_steps[at]);
    result.weights.push_back(tokens.weights[at]);
  }
  return result;
}

}  // namespace showtell
