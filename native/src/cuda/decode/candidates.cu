// The most probable next tokens of every hypothesis. A warp serves a row: it skips ranges of columns whose maximum
// cannot enter the list, and inserts what is left one by one, in the order of the tokens, into a list that its lanes
// hold sorted.
#include "cuda/decode/search_state.h"
#include "model/decoder_spec.h"

namespace showtell::cuda {

namespace {

constexpr int kThreads = 128;
constexpr int kRowsPerBlock = kThreads / 32;
constexpr int kSlots = (kMostWanted + 31) / 32;

/// Entry e of a sorted list is slot e / 32 of lane e % 32.
template <int Slots>
class WarpList {
 public:
  __device__ __forceinline__ WarpList(int wanted, int lane) : wanted_(wanted), lane_(lane) {
#pragma unroll
    for (int slot = 0; slot < Slots; ++slot) {
      values_[slot] = -INFINITY;
      tokens_[slot] = -1;
    }
  }

  /// What a value has to exceed to be inserted.
  __device__ __forceinline__ float least() const { return least_; }

  /// Behind entries of the same value. All lanes call it with the same arguments; value > least().
  __device__ __forceinline__ void insert(float value, int token) {
    int place = 0;
#pragma unroll
    for (int slot = 0; slot < Slots; ++slot) {
      place += __popc(__ballot_sync(~0u, tokens_[slot] >= 0 && values_[slot] >= value));
    }
#pragma unroll
    for (int slot = Slots - 1; slot >= 0; --slot) {
      const float value_before = __shfl_up_sync(~0u, values_[slot], 1);
      const int token_before = __shfl_up_sync(~0u, tokens_[slot], 1);
      const float value_of_last = slot > 0 ? __shfl_sync(~0u, values_[slot > 0 ? slot - 1 : 0], 31) : 0.0f;
      const int token_of_last = slot > 0 ? __shfl_sync(~0u, tokens_[slot > 0 ? slot - 1 : 0], 31) : 0;
      const int entry = slot * 32 + lane_;
      if (entry > place) {
        values_[slot] = lane_ > 0 ? value_before : value_of_last;
        tokens_[slot] = lane_ > 0 ? token_before : token_of_last;
      } else if (entry == place) {
        values_[slot] = value;
        tokens_[slot] = token;
      }
    }
    count_ = min(count_ + 1, wanted_);
    if (count_ == wanted_) {
      const int last = wanted_ - 1;
#pragma unroll
      for (int slot = 0; slot < Slots; ++slot) {
        const float at = __shfl_sync(~0u, values_[slot], last % 32);
        if (slot == last / 32) least_ = at;
      }
    }
  }

  __device__ __forceinline__ void write(double normalizer, float* log_probs, int* tokens, int* count) const {
#pragma unroll
    for (int slot = 0; slot < Slots; ++slot) {
      const int entry = slot * 32 + lane_;
      if (entry >= count_) continue;
      log_probs[entry] = static_cast<float>(static_cast<double>(values_[slot]) - normalizer);
      tokens[entry] = tokens_[slot];
    }
    if (lane_ == 0) *count = count_;
  }

 private:
  const int wanted_, lane_;
  int count_ = 0;
  float least_ = -INFINITY;
  float values_[Slots];
  int tokens_[Slots];
};

__device__ __forceinline__ double log_sum_exp(const float2* ranges, int count, int lane) {
  float most = -3.4e38f;
  for (int range = lane; range < count; range += 32) most = fmaxf(most, ranges[range].x);
  for (int distance = 16; distance > 0; distance >>= 1) most = fmaxf(most, __shfl_xor_sync(~0u, most, distance));
  double sum = 0;
  for (int range = lane; range < count; range += 32) {
    sum += static_cast<double>(ranges[range].y) * static_cast<double>(expf(ranges[range].x - most));
  }
  for (int distance = 16; distance > 0; distance >>= 1) sum += __shfl_xor_sync(~0u, sum, distance);
  return static_cast<double>(most) + log(sum);
}

/// Which tokens may not follow a hypothesis.
class Bans {
 public:
  __device__ __forceinline__ Bans(const SearchState& state, int row, int step, int lane)
      : bans_(state.bans),
        mask_(step == 0 ? kBannedAlways | kBannedFirst : kBannedAlways),
        end_banned_(step + 1 < state.settings->min_length),
        ngram_(state.settings->no_repeat_ngram_size),
        length_(step),
        lane_(lane),
        path_(state.path + static_cast<size_t>(row) * static_cast<size_t>(state.max_length)) {
    if (ngram_ == 0) return;
    if (lane == 0) {
      int at = row;
      for (int length = step; length > 0; --length) {
        const size_t hypothesis = static_cast<size_t>(length) * static_cast<size_t>(state.row_capacity) + at;
        path_[length - 1] = state.token[hypothesis];
        at = state.source[hypothesis];
      }
    }
    __syncwarp();
  }

  __device__ __forceinline__ bool banned(int token) const {
    return (bans_[token] & mask_) != 0 || (end_banned_ && token == kEndTokenId);
  }

  /// Whether the token would repeat an n-gram. All lanes call it with the same token.
  __device__ __forceinline__ bool repeats(int token) const {
    if (ngram_ == 0) return false;
    const int tail = length_ - (ngram_ - 1);
    bool found = false;
    for (int begin = lane_; begin < tail; begin += 32) {
      if (path_[begin + ngram_ - 1] != token) continue;
      bool same = true;
      for (int at = 0; at < ngram_ - 1; ++at) same = same && path_[begin + at] == path_[tail + at];
      found = found || same;
    }
    return __any_sync(~0u, found);
  }

 private:
  const std::uint8_t* bans_;
  const int mask_;
  const bool end_banned_;
  const int ngram_, length_, lane_;
  int* path_;
};

template <int Slots>
__device__ __forceinline__ void scan(const SearchState& state, const float* logits, const float2* ranges,
                                     const Bans& bans, int lane, WarpList<Slots>& list) {
  const int columns = state.settings->vocab_size;
  for (int first_range = 0; first_range < range_count(columns); first_range += 32) {
    const int own_range = first_range + lane;
    const float own_most = own_range < range_count(columns) ? ranges[own_range].x : -INFINITY;
    for (int i = 0; i < 32; ++i) {
      if (!(__shfl_sync(~0u, own_most, i) > list.least())) continue;
      const int token = (first_range + i) * kGroupColumns + lane;
      const float value = token < columns && !bans.banned(token) ? logits[token] : -INFINITY;
      for (unsigned left = __ballot_sync(~0u, value > list.least()); left != 0; left &= left - 1) {
        const int from = __ffs(static_cast<int>(left)) - 1;
        const float offered = __shfl_sync(~0u, value, from);
        if (offered > list.least() && !bans.repeats(token - lane + from)) list.insert(offered, token - lane + from);
      }
    }
  }
}

template <int Slots>
__global__ void __launch_bounds__(kThreads, 6) candidates_kernel(const __grid_constant__ SearchState state, int step) {
  static_assert(kGroupColumns == 32, "a lane looks at one column of a range");
  begin_after_predecessor();
  const int row = static_cast<int>(blockIdx.x) * kRowsPerBlock + static_cast<int>(threadIdx.x >> 5);
  const int lane = static_cast<int>(threadIdx.x & 31);
  if (row >= state.row_count[step]) return;
  const SearchSettings& settings = *state.settings;
  const int ranges_of_row = range_count(settings.vocab_size);
  const float* logits =
      state.logits + static_cast<size_t>(row) * static_cast<size_t>(logits_stride(settings.vocab_size));
  const float2* ranges = state.ranges + static_cast<size_t>(row) * static_cast<size_t>(ranges_of_row);
  const double normalizer = log_sum_exp(ranges, ranges_of_row, lane);
  WarpList<Slots> list(settings.wanted, lane);
  if (!(fabs(normalizer) < INFINITY)) {
    if (lane == 0) *state.not_finite = 1;
  } else if (step < settings.prefix_length) {
    const int token = state.prefix[step];
    if (logits[token] > -INFINITY) list.insert(logits[token], token);
  } else {
    scan(state, logits, ranges, Bans(state, row, step, lane), lane, list);
  }
  const size_t begin = static_cast<size_t>(row) * static_cast<size_t>(state.most_wanted);
  list.write(normalizer, state.candidate_log_prob + begin, state.candidate_token + begin, state.candidate_count + row);
}

}  // namespace

cudaError_t launch_candidates(const DecodeStream& stream, const SearchState& state, int step) {
  const dim3 grid(static_cast<unsigned>((state.row_capacity + kRowsPerBlock - 1) / kRowsPerBlock));
  if (state.most_wanted <= 32) return stream.launch(candidates_kernel<1>, grid, dim3(kThreads), 0, state, step);
  return stream.launch(candidates_kernel<kSlots>, grid, dim3(kThreads), 0, state, step);
}

}  // namespace showtell::cuda
