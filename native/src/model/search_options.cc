#include "model/search_options.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace showtell {

namespace {

constexpr Index kMostSteps = 65'536;

void check_range(const char* name, Index value, Index least, Index most) {
  if (value >= least && value <= most) return;
  throw Error(ErrorCode::option,
              expected(std::to_string(least) + " to " + std::to_string(most), name, std::to_string(value)));
}

void check_tokens(const char* name, const std::vector<std::int32_t>& tokens, Index vocab_size) {
  for (const auto token : tokens) {
    if (token >= 0 && token < vocab_size) continue;
    throw Error(ErrorCode::option,
                expected("token ids below " + std::to_string(vocab_size), name, std::to_string(token)));
  }
}

}  // namespace

void check_search_options(const SearchOptions& options, Index vocab_size) {
  check_range("beamWidth", options.beam_width, 1, 65'536);
  check_range("maxLength", options.max_length, 1, kMostSteps);
  check_range("minLength", options.min_length, 0, options.max_length);
  check_range("nBest", options.n_best, 1, options.beam_width);
  check_range("noRepeatNgramSize", options.no_repeat_ngram_size, 0, kMostSteps);
  if (!std::isfinite(options.length_penalty)) {
    throw Error(ErrorCode::option,
                expected("a finite number", "lengthPenalty", std::to_string(options.length_penalty)));
  }
  check_tokens("bannedTokens", options.banned_tokens, vocab_size);
  check_tokens("forbiddenFirstWords", options.forbidden_first_words, vocab_size);
  check_tokens("forcedPrefix", options.forced_prefix, vocab_size);
}

double length_divisor(Index length, const SearchOptions& options) {
  switch (options.formula) {
    case LengthPenaltyFormula::average:
      return std::pow(static_cast<double>(std::max<Index>(1, length)), options.length_penalty);
    case LengthPenaltyFormula::gnmt:
      return std::pow((5.0 + static_cast<double>(length)) / 6.0, options.length_penalty);
    case LengthPenaltyFormula::none:
      break;
  }
  return 1;
}

Index kindest_length(Index length, const SearchOptions& options) {
  // Scores are at most 0: the kindest length is the one with the largest divisor.
  return options.length_penalty >= 0 ? options.max_length : std::max(length + 1, options.min_length);
}

double normalize_score(double score, Index length, const SearchOptions& options) {
  return score / length_divisor(length, options);
}

double best_reachable_score(double score, Index length, const SearchOptions& options) {
  return normalize_score(score, kindest_length(length, options), options);
}

}  // namespace showtell
