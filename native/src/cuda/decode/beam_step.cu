// The beam of every image, tie by tie as model/image_search.cc: a warp serves an image. Its lanes find the best
// candidates of all hypotheses together; one lane then decides which end, which go on and whether any can still win.
#include "cuda/decode/search_state.h"
#include "model/decoder_spec.h"

namespace showtell::cuda {

namespace {

constexpr int kThreads = 128;
constexpr int kImagesPerBlock = kThreads / 32;
constexpr int kNoToken = 0x7fffffff;

struct Candidate {
  double score;
  int token, beam;
  float log_prob;
};

__device__ __forceinline__ Candidate no_candidate() { return {-INFINITY, kNoToken, kNoToken, 0.0f}; }

__device__ __forceinline__ bool goes_before(const Candidate& a, const Candidate& b) {
  if (a.score != b.score) return a.score > b.score;
  return a.token != b.token ? a.token < b.token : a.beam < b.beam;
}

__device__ Candidate best_of_warp(Candidate best) {
  for (int distance = 16; distance > 0; distance >>= 1) {
    Candidate other;
    other.score = __shfl_xor_sync(~0u, best.score, distance);
    other.token = __shfl_xor_sync(~0u, best.token, distance);
    other.beam = __shfl_xor_sync(~0u, best.beam, distance);
    other.log_prob = __shfl_xor_sync(~0u, best.log_prob, distance);
    if (goes_before(other, best)) best = other;
  }
  return best;
}

/// A hypothesis' candidates from best to worst. They lie sorted by log-probability; where the sum with the hypothesis'
/// score makes several equal, the smallest token goes first.
class CandidateList {
 public:
  __device__ CandidateList(const SearchState& state, int row, int beam, double score)
      : log_probs_(state.candidate_log_prob + static_cast<size_t>(row) * static_cast<size_t>(state.most_wanted)),
        tokens_(state.candidate_token + static_cast<size_t>(row) * static_cast<size_t>(state.most_wanted)),
        count_(state.candidate_count[row]),
        beam_(beam),
        score_(score) {}

  /// no_candidate() behind the last.
  __device__ Candidate next() {
    if (taken_ == equals_end_) {
      if (taken_ == count_) return no_candidate();
      equals_begin_ = taken_;
      last_token_ = -1;
      do ++equals_end_;
      while (equals_end_ < count_ && score(equals_end_) == score(equals_begin_));
    }
    ++taken_;
    int best = -1;
    for (int at = equals_begin_; at < equals_end_; ++at) {
      if (tokens_[at] > last_token_ && (best < 0 || tokens_[at] < tokens_[best])) best = at;
    }
    last_token_ = tokens_[best];
    return {score(best), last_token_, beam_, log_probs_[best]};
  }

 private:
  __device__ double score(int at) const { return score_ + static_cast<double>(log_probs_[at]); }

  const float* log_probs_;
  const int* tokens_;
  const int count_, beam_;
  const double score_;
  int taken_ = 0, equals_begin_ = 0, equals_end_ = 0, last_token_ = -1;
};

class ImageBeam {
 public:
  __device__ ImageBeam(const SearchState& state, int image, int step, int lane, Candidate* candidates)
      : state_(state),
        settings_(*state.settings),
        image_(image),
        length_(step + 1),
        lane_(lane),
        first_(state.first_row[image]),
        live_(state.live[image]),
        parents_(static_cast<size_t>(step) * static_cast<size_t>(state.row_capacity) + first_),
        finished_(state.finished + static_cast<size_t>(image) * static_cast<size_t>(state.beam_width)),
        candidates_(candidates) {}

  __device__ void run() {
    const int found = find_candidates();
    __syncwarp();  // all lanes have read what one of them now writes
    int going_on = 0, base = 0;
    if (lane_ == 0) {
      if (found == 0) {
        cut(first_, live_, length_ - 1);
      } else {
        going_on = decide(found, base);
      }
      state_.first_row[image_] = base;
      state_.live[image_] = length_ < state_.max_length ? going_on : 0;
    }
    going_on = __shfl_sync(~0u, going_on, 0);
    base = __shfl_sync(~0u, base, 0);
    __syncwarp();
    if (lane_ < going_on) write_hypothesis(base + lane_, candidates_[lane_]);
  }

 private:
  /// The best candidates of all hypotheses, best first, to `candidates_`; returns how many there are. A lane has a
  /// hypothesis, and offers the best that is left of its list.
  __device__ int find_candidates() {
    const int own = lane_ < live_ ? lane_ : 0;
    CandidateList list(state_, first_ + own, own, state_.score[parents_ + own]);
    Candidate offered = lane_ < live_ ? list.next() : no_candidate();
    for (int found = 0; found < settings_.looked_at; ++found) {
      const Candidate best = best_of_warp(offered);
      if (best.token == kNoToken) return found;
      if (lane_ == 0) candidates_[found] = best;
      if (lane_ == best.beam) offered = list.next();
    }
    return settings_.looked_at;
  }

  /// Moves what goes on to the front of `candidates_`; returns how many do, with rows from `base`. One lane.
  __device__ int decide(int found, int& base) {
    int beams = 0;
    for (int at = 0; at < found; ++at) {
      const Candidate candidate = candidates_[at];
      if (candidate.token == kEndTokenId) {
        finish(candidate);
      } else if (beams < state_.beam_width) {
        candidates_[beams++] = candidate;
      }
    }
    if (beams == 0 || (length_ < state_.max_length && !may_improve(beams))) return 0;
    base = atomicAdd(state_.row_count + length_, beams);
    if (length_ == state_.max_length) cut(base, beams, length_);
    return beams;
  }

  __device__ double threshold() const {
    const int count = state_.finished_count[image_];
    return count < settings_.n_best ? -INFINITY : finished_[count - 1].normalized_score;
  }

  __device__ bool may_improve(int beams) const {
    const double most = threshold();
    for (int beam = 0; beam < beams; ++beam) {
      if (candidates_[beam].score / state_.best_length_divisors[length_] > most) return true;
    }
    return false;
  }

  __device__ void finish(const Candidate& candidate) {
    const double normalized = candidate.score / state_.length_divisors[length_];
    if (!(normalized > threshold())) return;
    int& count = state_.finished_count[image_];
    if (count < settings_.n_best) ++count;
    int place = count - 1;
    for (; place > 0 && finished_[place - 1].normalized_score < normalized; --place) {
      finished_[place] = finished_[place - 1];
    }
    finished_[place] = {candidate.score, normalized, first_ + candidate.beam, length_, candidate.log_prob};
  }

  __device__ void cut(int first_row, int count, int length) {
    state_.cut_first_row[image_] = first_row;
    state_.cut_count[image_] = count;
    state_.cut_length[image_] = length;
  }

  __device__ void write_hypothesis(int row, const Candidate& candidate) {
    const size_t at = static_cast<size_t>(length_) * static_cast<size_t>(state_.row_capacity) + row;
    state_.token[at] = candidate.token;
    state_.source[at] = first_ + candidate.beam;
    state_.image[at] = image_;
    state_.log_prob[at] = candidate.log_prob;
    state_.score[at] = candidate.score;
  }

  const SearchState& state_;
  const SearchSettings& settings_;
  const int image_, length_, lane_, first_, live_;
  const size_t parents_;
  FinishedHypothesis* finished_;
  Candidate* candidates_;
};

__global__ void __launch_bounds__(kThreads) beam_step_kernel(const __grid_constant__ SearchState state, int step) {
  begin_after_predecessor();
  SHARED(Candidate, candidates, kImagesPerBlock * kMostLookedAt);
  const int warp = static_cast<int>(threadIdx.x >> 5);
  const int image = static_cast<int>(blockIdx.x) * kImagesPerBlock + warp;
  if (image >= state.settings->image_count || state.live[image] == 0) return;
  ImageBeam(state, image, step, static_cast<int>(threadIdx.x & 31), candidates + warp * kMostLookedAt).run();
}

}  // namespace

cudaError_t launch_beam_step(const DecodeStream& stream, const SearchState& state, int step) {
  const dim3 grid(static_cast<unsigned>((state.image_capacity + kImagesPerBlock - 1) / kImagesPerBlock));
  return stream.launch(beam_step_kernel, grid, dim3(kThreads), 0, state, step);
}

}  // namespace showtell::cuda
