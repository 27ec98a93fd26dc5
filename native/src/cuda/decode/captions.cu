// How a search begins, and how its captions are read out.
#include "cuda/decode/search_state.h"
#include "model/decoder_spec.h"

namespace showtell::cuda {

namespace {

constexpr int kThreads = 128;

__global__ void __launch_bounds__(kThreads) search_start_kernel(const __grid_constant__ SearchState state) {
  const int image = static_cast<int>(blockIdx.x * kThreads + threadIdx.x);
  const int images = state.settings->image_count;
  if (image == 0) {
    state.row_count[0] = images;
    for (int length = 1; length <= state.max_length; ++length) state.row_count[length] = 0;
    *state.not_finite = 0;
  }
  if (image >= state.image_capacity) return;
  const bool inside = image < images;
  state.first_row[image] = inside ? image : 0;  // images beyond the batch have no hypotheses
  state.live[image] = inside ? 1 : 0;
  if (!inside) return;
  state.finished_count[image] = 0;
  state.cut_count[image] = 0;
  state.token[image] = kStartTokenId;
  state.source[image] = image;
  state.image[image] = image;
  state.score[image] = 0;
}

/// One caption, last token first.
class CaptionWriter {
 public:
  __device__ CaptionWriter(const SearchState& state, size_t caption)
      : state_(state), out_(caption * static_cast<size_t>(state.max_length)) {}

  __device__ void write_token(int position, int token, float log_prob) {
    state_.caption_tokens[out_ + position] = token;
    state_.caption_log_probs[out_ + position] = log_prob;
  }

  /// The tokens of the hypothesis of that length in that row.
  __device__ void write_path(int row, int length) {
    for (; length > 0; --length) {
      const size_t at = static_cast<size_t>(length) * static_cast<size_t>(state_.row_capacity) + row;
      write_token(length - 1, state_.token[at], state_.log_prob[at]);
      row = state_.source[at];
    }
  }

 private:
  const SearchState& state_;
  const size_t out_;
};

/// A thread writes a caption: thread n of an image the n-th best.
__global__ void __launch_bounds__(kThreads) captions_kernel(const __grid_constant__ SearchState state) {
  begin_after_predecessor();
  const SearchSettings& settings = *state.settings;
  const int thread = static_cast<int>(blockIdx.x * kThreads + threadIdx.x);
  const int image = thread / state.beam_width, rank = thread % state.beam_width;
  if (image >= settings.image_count || rank >= settings.n_best) return;
  const int finished = state.finished_count[image];
  const int count = min(settings.n_best, finished + state.cut_count[image]);
  if (rank == 0) state.caption_count[image] = count;
  if (rank >= count) return;
  const size_t caption = static_cast<size_t>(image) * static_cast<size_t>(state.beam_width) + rank;
  CaptionWriter writer(state, caption);
  if (rank < finished) {
    const FinishedHypothesis& hypothesis = state.finished[caption];
    writer.write_token(hypothesis.length - 1, kEndTokenId, hypothesis.log_prob);
    writer.write_path(hypothesis.source, hypothesis.length - 1);
    state.captions[caption] = {hypothesis.score, hypothesis.normalized_score, hypothesis.length, 0};
    return;
  }
  const int row = state.cut_first_row[image] + rank - finished, length = state.cut_length[image];
  const double score = state.score[static_cast<size_t>(length) * static_cast<size_t>(state.row_capacity) + row];
  writer.write_path(row, length);
  state.captions[caption] = {score, score / state.length_divisors[length], length, 1};
}

}  // namespace

cudaError_t launch_search_start(cudaStream_t stream, const SearchState& state) {
  const dim3 grid(static_cast<unsigned>((state.image_capacity + kThreads - 1) / kThreads));
  return launch(search_start_kernel, grid, dim3(kThreads), 0, stream, state);
}

cudaError_t launch_captions(const DecodeStream& stream, const SearchState& state) {
  const dim3 grid(static_cast<unsigned>((state.row_capacity + kThreads - 1) / kThreads));
  return stream.launch(captions_kernel, grid, dim3(kThreads), 0, state);
}

}  // namespace showtell::cuda
