#include "model/image_search.h"

#include <algorithm>
#include <limits>

#include "model/decoder_spec.h"

namespace showtell {

namespace {

// Different logits can round to one log-probability; the order is then that of the token ids. A few candidates more
// than needed leave that order to the comparison below.
constexpr Index kTieRoom = 4;

struct Candidate {
  double score;
  std::int32_t token;
  Index beam;
  float log_prob;
};

bool goes_before(const Candidate& a, const Candidate& b) {
  if (a.score != b.score) return a.score > b.score;
  return a.token != b.token ? a.token < b.token : a.beam < b.beam;
}

Index candidate_count(const SearchOptions& options) { return options.beam_width == 1 ? 1 : 2 * options.beam_width; }

}  // namespace

Index ImageSearch::candidates_wanted() const { return candidate_count(*options_) + kTieRoom; }

std::int32_t ImageSearch::forced_token() const {
  const auto length = static_cast<std::size_t>(live_.front().length);
  return length < options_->forced_prefix.size() ? options_->forced_prefix[length] : -1;
}

ImageSearch::Hypothesis ImageSearch::extend(const Hypothesis& parent, Index source, std::int32_t token,
                                            float log_prob) {
  nodes_.push_back({parent.node, token, log_prob});
  return {static_cast<std::int32_t>(nodes_.size()) - 1, token, parent.score + static_cast<double>(log_prob),
          parent.length + 1, source};
}

double ImageSearch::threshold() const {
  const bool full = static_cast<Index>(finished_.size()) >= options_->n_best;
  return full ? finished_.back().normalized_score : -std::numeric_limits<double>::infinity();
}

void ImageSearch::finish(const Hypothesis& hypothesis) {
  const double normalized = normalize_score(hypothesis.score, hypothesis.length, *options_);
  if (normalized <= threshold()) return;
  const auto place = std::find_if(finished_.begin(), finished_.end(),
                                  [&](const Finished& other) { return other.normalized_score < normalized; });
  finished_.insert(place, {hypothesis, normalized});
  if (static_cast<Index>(finished_.size()) > options_->n_best) finished_.pop_back();
}

void ImageSearch::advance(const std::vector<NextTokens>& next) {
  std::vector<Candidate> candidates;
  for (std::size_t beam = 0; beam < live_.size(); ++beam) {
    for (Index at = 0; at < next[beam].count; ++at) {
      const float log_prob = next[beam].log_probs[at];
      candidates.push_back({live_[beam].score + static_cast<double>(log_prob), next[beam].tokens[at],
                            static_cast<Index>(beam), log_prob});
    }
  }
  const auto kept = std::min<std::size_t>(candidates.size(), static_cast<std::size_t>(candidate_count(*options_)));
  std::partial_sort(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(kept), candidates.end(),
                    goes_before);
  candidates.resize(kept);

  if (candidates.empty()) {
    cut_ = std::move(live_);
    live_.clear();
    return;
  }
  std::vector<Hypothesis> beam;
  for (const auto& candidate : candidates) {
    const bool ends = candidate.token == kEndTokenId;
    if (!ends && static_cast<Index>(beam.size()) == options_->beam_width) continue;
    const Hypothesis& parent = live_[static_cast<std::size_t>(candidate.beam)];
    const Hypothesis longer = extend(parent, candidate.beam, candidate.token, candidate.log_prob);
    if (ends)
      finish(longer);
    else
      beam.push_back(longer);
  }
  live_.clear();
  if (!beam.empty() && beam.front().length == options_->max_length) {
    cut_ = std::move(beam);
    return;
  }
  const bool may_improve = std::any_of(beam.begin(), beam.end(), [&](const Hypothesis& hypothesis) {
    return best_reachable_score(hypothesis.score, hypothesis.length, *options_) > threshold();
  });
  if (may_improve) live_ = std::move(beam);
}

void ImageSearch::path_of(std::int32_t node, std::vector<std::int32_t>& tokens) const {
  tokens.clear();
  for (; node >= 0; node = nodes_[static_cast<std::size_t>(node)].parent) tokens.push_back(node);
  std::reverse(tokens.begin(), tokens.end());
}

void ImageSearch::repeating_tokens(const Hypothesis& hypothesis, std::vector<std::int32_t>& tokens) const {
  std::vector<std::int32_t> path;
  path_of(hypothesis.node, path);
  for (auto& node : path) node = nodes_[static_cast<std::size_t>(node)].token;
  const Index size = options_->no_repeat_ngram_size;
  const Index tail = static_cast<Index>(path.size()) - (size - 1);
  for (Index begin = 0; begin < tail; ++begin) {
    if (std::equal(path.begin() + begin, path.begin() + begin + size - 1, path.begin() + tail)) {
      tokens.push_back(path[static_cast<std::size_t>(begin + size - 1)]);
    }
  }
}

void ImageSearch::write_one(const Hypothesis& hypothesis, bool ended_by_max_length, GeneratedCaptions& out) const {
  std::vector<std::int32_t> path;
  path_of(hypothesis.node, path);
  for (const auto node : path) {
    out.token_ids.push_back(nodes_[static_cast<std::size_t>(node)].token);
    out.log_probs.push_back(nodes_[static_cast<std::size_t>(node)].log_prob);
  }
  out.lengths.push_back(static_cast<std::int32_t>(path.size()));
  out.scores.push_back(hypothesis.score);
  out.normalized_scores.push_back(normalize_score(hypothesis.score, hypothesis.length, *options_));
  out.ended_by_max_length.push_back(ended_by_max_length ? 1 : 0);
}

void ImageSearch::write(GeneratedCaptions& out) const {
  Index written = 0;
  for (const auto& finished : finished_) {
    write_one(finished.hypothesis, false, out);
    ++written;
  }
  for (const auto& hypothesis : cut_) {
    if (written == options_->n_best) break;
    write_one(hypothesis, true, out);
    ++written;
  }
  out.caption_counts.push_back(static_cast<std::int32_t>(written));
}

}  // namespace showtell
