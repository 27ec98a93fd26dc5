// A beam search as it lies on the device. Legend: I = images, R = rows (live hypotheses of all images, side by side),
// T = maximal length, W = beam width. Hypotheses of length t occupy rows [0, row_count[t]) of "hypotheses[t]"; rows are
// handed out anew in every step, so that the work shrinks as hypotheses and images finish.
#pragma once

#include <cstdint>

#include "cuda/decode/products.h"

namespace showtell::cuda {

/// The limits of one search, the same for all images. On the device.
struct SearchSettings {
  int image_count;
  int vocab_size;
  int min_length, n_best, no_repeat_ngram_size, prefix_length;
  int looked_at;  // candidates that a step looks at, over all hypotheses of an image
  int wanted;     // candidates asked of each hypothesis: looked_at with room for ties
};

constexpr std::uint8_t kBannedAlways = 1, kBannedFirst = 2;

struct FinishedHypothesis {
  double score, normalized_score;
  int source;  // row of its last token but one; none where length is 1
  int length;
  float log_prob;  // of <end>
};

struct Caption {
  double score, normalized_score;
  int length;
  int ended_by_max_length;
};

/// Pointers into device memory.
struct SearchState {
  const SearchSettings* settings;
  const std::uint8_t* bans;            // [vocab_size]
  const std::int32_t* prefix;          // [prefix_length]
  const double* length_divisors;       // [T + 1], of the score of a hypothesis of that length
  const double* best_length_divisors;  // [T + 1], of the best that it can become
  int image_capacity, row_capacity;
  int beam_width, max_length;

  // Hypotheses by length, [T + 1, row_capacity]
  int* token;
  int* source;  // row, at length t - 1, that it extends
  int* image;
  float* log_prob;
  double* score;
  int* row_count;  // [T + 1]

  // [I]
  int* first_row;  // of the image's live hypotheses
  int* live;       // 0 once the image is finished
  int* finished_count;
  int* cut_first_row;  // hypotheses that the maximal length cut
  int* cut_count;
  int* cut_length;
  FinishedHypothesis* finished;  // [I, W], best first

  // Of the current step
  float* logits;              // [R, logits_stride]
  float2* ranges;             // [R, range_count]
  int* path;                  // [R, T] tokens of a hypothesis, where n-grams are looked at
  float* candidate_log_prob;  // [R, most_wanted]
  int* candidate_token;
  int* candidate_count;  // [R]
  int most_wanted;

  // Results
  int* not_finite;      // 1 where a logit was not finite
  int* caption_count;   // [I]
  Caption* captions;    // [I, W]
  int* caption_tokens;  // [I, W, T]
  float* caption_log_probs;
};

/// Candidates that the kernels have room for: beams to 32.
constexpr int kMostBeamWidth = 32;
constexpr int kMostLookedAt = 2 * kMostBeamWidth;
constexpr int kTieRoom = 4;
constexpr int kMostWanted = kMostLookedAt + kTieRoom;

/// One live hypothesis an image. The first kernel of a search: it waits for all that is queued before it.
cudaError_t launch_search_start(cudaStream_t stream, const SearchState& state);
/// The best next tokens of each row from its logits.
cudaError_t launch_candidates(const DecodeStream& stream, const SearchState& state, int step);
/// One step of each image's beam: finished hypotheses to their list, the others to the rows of the next length.
cudaError_t launch_beam_step(const DecodeStream& stream, const SearchState& state, int step);
/// Captions from finished and cut hypotheses.
cudaError_t launch_captions(const DecodeStream& stream, const SearchState& state);

}  // namespace showtell::cuda
