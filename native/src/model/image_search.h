// The beam of one image: the same algorithm, tie by tie, as packages/core/src/generation/beam-search.ts.
#pragma once

#include <vector>

#include "model/search_options.h"

namespace showtell {

/// The best next tokens of one live hypothesis: log-probabilities of the model's own distribution, best first.
struct NextTokens {
  Index count = 0;
  const std::int32_t* tokens = nullptr;
  const float* log_probs = nullptr;
};

class ImageSearch {
 public:
  explicit ImageSearch(const SearchOptions& options) : options_(&options), live_{{-1, -1, 0, 0, 0}} {}

  bool is_over() const { return live_.empty(); }
  Index live_count() const { return static_cast<Index>(live_.size()); }
  /// Token that live hypothesis `beam` ends in, and the beam that it extended in the last step.
  std::int32_t token(Index beam) const { return live_[static_cast<std::size_t>(beam)].token; }
  Index source(Index beam) const { return live_[static_cast<std::size_t>(beam)].source; }

  /// Candidates of one hypothesis that a step looks at, with room for ties.
  Index candidates_wanted() const;
  /// The token that the forced prefix demands next, or -1.
  std::int32_t forced_token() const;
  /// Calls ban(token) for every token that may not follow live hypothesis `beam`.
  template <typename Ban>
  void for_banned(Index beam, const Ban& ban) const;

  /// One time step: `next[beam]` for every live hypothesis.
  void advance(const std::vector<NextTokens>& next);

  /// Appends the captions; once the search is over.
  void write(GeneratedCaptions& out) const;

 private:
  struct Node {
    std::int32_t parent, token;
    float log_prob;
  };
  struct Hypothesis {
    std::int32_t node;  // of its last token, -1 for none
    std::int32_t token;
    double score;
    Index length;
    Index source;
  };
  struct Finished {
    Hypothesis hypothesis;
    double normalized_score;
  };
  Hypothesis extend(const Hypothesis& parent, Index source, std::int32_t token, float log_prob);
  void finish(const Hypothesis& hypothesis);
  double threshold() const;
  void path_of(std::int32_t node, std::vector<std::int32_t>& tokens) const;
  void repeating_tokens(const Hypothesis& hypothesis, std::vector<std::int32_t>& tokens) const;
  void write_one(const Hypothesis& hypothesis, bool ended_by_max_length, GeneratedCaptions& out) const;

  const SearchOptions* options_;
  std::vector<Node> nodes_;
  std::vector<Hypothesis> live_, cut_;
  std::vector<Finished> finished_;
};

template <typename Ban>
void ImageSearch::for_banned(Index beam, const Ban& ban) const {
  const Hypothesis& hypothesis = live_[static_cast<std::size_t>(beam)];
  for (const std::int32_t special : {0, 1, 3}) ban(special);  // <pad>, <start>, <unk>
  for (const auto token : options_->banned_tokens) ban(token);
  if (hypothesis.length == 0) {
    for (const auto token : options_->forbidden_first_words) ban(token);
  }
  if (hypothesis.length + 1 < options_->min_length) ban(std::int32_t{2});  // <end>
  if (options_->no_repeat_ngram_size > 0) {
    std::vector<std::int32_t> repeating;
    repeating_tokens(hypothesis, repeating);
    for (const auto token : repeating) ban(token);
  }
}

}  // namespace showtell
