// The native copy of packages/core/src/generation/search-options.ts, which says what each option means.
#pragma once

#include <cstdint>
#include <vector>

#include "base/error.h"

namespace showtell {

enum class LengthPenaltyFormula { none, average, gnmt };

struct SearchOptions {
  Index beam_width = 1, max_length = 20, min_length = 0, n_best = 1, no_repeat_ngram_size = 0;
  double length_penalty = 0;
  LengthPenaltyFormula formula = LengthPenaltyFormula::none;
  std::vector<std::int32_t> banned_tokens, forbidden_first_words, forced_prefix;
};

/// Throws an option error for impossible values.
void check_search_options(const SearchOptions& options, Index vocab_size);

/// What the length penalty divides the score of a hypothesis of that length by.
double length_divisor(Index length, const SearchOptions& options);
/// The length at which a live hypothesis of `length` tokens would score best, its score staying what it is.
Index kindest_length(Index length, const SearchOptions& options);
/// The score after the length penalty.
double normalize_score(double score, Index length, const SearchOptions& options);
/// What a finished continuation of a live hypothesis can reach at best.
double best_reachable_score(double score, Index length, const SearchOptions& options);

/// Captions of all images, flattened; `lengths` per caption, best first within an image.
struct GeneratedCaptions {
  std::vector<std::int32_t> caption_counts, lengths, token_ids;
  std::vector<double> log_probs, scores, normalized_scores;
  std::vector<std::uint8_t> ended_by_max_length;
};

}  // namespace showtell
