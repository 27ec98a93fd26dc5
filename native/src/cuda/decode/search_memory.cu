#include "cuda/decode/search_memory.h"

#include <algorithm>
#include <cstring>

namespace showtell::cuda {

namespace {
constexpr Index kArrayAlignment = 256;
}

template <typename Visit>
void SearchMemory::for_inputs(const Visit& visit) {
  const Index images = shape_.images, lengths = shape_.max_length + 1;
  visit(state_.settings, 1);
  visit(state_.bans, spec_.vocab_size);
  visit(state_.prefix, shape_.max_length);
  visit(state_.length_divisors, lengths);
  visit(state_.best_length_divisors, lengths);
  visit(pooled_, images * spec_.feature_size);
  visit(grid_, images * shape_.cells * spec_.grid_feature_size);
}

template <typename Visit>
void SearchMemory::for_working_arrays(const Visit& visit) {
  const Index images = shape_.images, rows = images * shape_.beam_width;
  const Index lengths = shape_.max_length + 1, hypotheses = lengths * rows;
  visit(state_.token, hypotheses);
  visit(state_.source, hypotheses);
  visit(state_.image, hypotheses);
  visit(state_.log_prob, hypotheses);
  visit(state_.score, hypotheses);
  visit(state_.row_count, lengths);
  visit(state_.first_row, images);
  visit(state_.live, images);
  visit(state_.finished_count, images);
  visit(state_.cut_first_row, images);
  visit(state_.cut_count, images);
  visit(state_.cut_length, images);
  visit(state_.finished, rows);
  visit(state_.logits, rows * logits_stride(spec_.vocab_size));
  visit(state_.ranges, rows * range_count(spec_.vocab_size));
  visit(state_.path, rows * shape_.max_length);
  visit(state_.candidate_log_prob, rows * shape_.wanted());
  visit(state_.candidate_token, rows * shape_.wanted());
  visit(state_.candidate_count, rows);
}

template <typename Visit>
void SearchMemory::for_results(const Visit& visit) {
  const Index images = shape_.images, captions = images * shape_.beam_width;
  visit(state_.not_finite, 1);
  visit(state_.caption_count, images);
  visit(state_.captions, captions);
  visit(state_.caption_tokens, captions * shape_.max_length);
  visit(state_.caption_log_probs, captions * shape_.max_length);
}

SearchMemory::Layout SearchMemory::lay_out(unsigned char* base) {
  Index offset = 0;
  const auto place = [&](auto*& array, Index count) {
    array = base == nullptr ? nullptr : reinterpret_cast<std::remove_reference_t<decltype(array)>>(base + offset);
    offset += round_up(count * static_cast<Index>(sizeof *array), kArrayAlignment);
  };
  Layout layout;
  for_inputs(place);
  layout.inputs = offset;
  for_working_arrays(place);
  layout.results_begin = offset;
  for_results(place);
  layout.end = offset;
  return layout;
}

SearchMemory::SearchMemory(const DecoderSpec& spec, const SearchShape& shape, std::nullptr_t)
    : spec_(spec), shape_(shape), layout_(lay_out(nullptr)) {}

SearchMemory::SearchMemory(const DecoderSpec& spec, const SearchShape& shape) : SearchMemory(spec, shape, nullptr) {
  device_ = DeviceBuffer<unsigned char>(layout_.end);
  inputs_ = PinnedBuffer<unsigned char>(layout_.inputs);
  results_ = PinnedBuffer<unsigned char>(layout_.end - layout_.results_begin);
  lay_out(device_.data());
  state_.image_capacity = shape.images;
  state_.row_capacity = shape.images * shape.beam_width;
  state_.beam_width = shape.beam_width;
  state_.max_length = shape.max_length;
  state_.most_wanted = shape.wanted();
}

Index SearchMemory::bytes(const DecoderSpec& spec, const SearchShape& shape) {
  return SearchMemory(spec, shape, nullptr).layout_.end;
}

template <typename T>
T* SearchMemory::on_host(const PinnedBuffer<unsigned char>& host, const T* device, Index offset) const {
  return reinterpret_cast<T*>(host.data() + (reinterpret_cast<const unsigned char*>(device) - device_.data() - offset));
}

void SearchMemory::upload(cudaStream_t stream, const FeatureBatch& features, const SearchOptions& options) {
  images_ = features.images;
  const auto host = [&](auto* device) { return on_host(inputs_, device, 0); };
  const Index prefix = std::min<Index>(static_cast<Index>(options.forced_prefix.size()), shape_.max_length);
  auto* settings = const_cast<SearchSettings*>(host(state_.settings));
  *settings = {static_cast<int>(images_),
               static_cast<int>(spec_.vocab_size),
               static_cast<int>(options.min_length),
               static_cast<int>(options.n_best),
               static_cast<int>(options.no_repeat_ngram_size),
               static_cast<int>(prefix),
               shape_.looked_at(),
               static_cast<int>(std::min<Index>(shape_.wanted(), spec_.vocab_size))};
  auto* bans = const_cast<std::uint8_t*>(host(state_.bans));
  std::fill_n(bans, spec_.vocab_size, std::uint8_t{0});
  for (const auto token : {kPadTokenId, kStartTokenId, kUnknownTokenId}) bans[token] = kBannedAlways;
  for (const auto token : options.banned_tokens) bans[token] = kBannedAlways;
  for (const auto token : options.forbidden_first_words) bans[token] |= kBannedFirst;
  std::copy_n(options.forced_prefix.begin(), prefix, const_cast<std::int32_t*>(host(state_.prefix)));
  auto* divisors = const_cast<double*>(host(state_.length_divisors));
  auto* best_divisors = const_cast<double*>(host(state_.best_length_divisors));
  for (Index length = 0; length <= shape_.max_length; ++length) {
    divisors[length] = length_divisor(length, options);
    best_divisors[length] = length_divisor(kindest_length(length, options), options);
  }
  const auto copy = [&](float* device, const float* from, Index count) {
    std::memcpy(host(device), from, static_cast<std::size_t>(count) * sizeof(float));
    return reinterpret_cast<unsigned char*>(device + count) - device_.data();
  };
  Index end = copy(pooled_, features.pooled, images_ * spec_.feature_size);
  check(cudaMemcpyAsync(device_.data(), inputs_.data(), static_cast<std::size_t>(end), cudaMemcpyHostToDevice, stream));
  if (features.grid == nullptr) return;
  const Index count = images_ * shape_.cells * spec_.grid_feature_size;
  copy(grid_, features.grid, count);
  check(cudaMemcpyAsync(grid_, host(grid_), static_cast<std::size_t>(count) * sizeof(float), cudaMemcpyHostToDevice,
                        stream));
}

void SearchMemory::download(cudaStream_t stream) {
  check(cudaMemcpyAsync(results_.data(), device_.data() + layout_.results_begin,
                        static_cast<std::size_t>(results_.size()), cudaMemcpyDeviceToHost, stream));
}

void SearchMemory::clear_results(cudaStream_t stream) {
  check(cudaMemsetAsync(device_.data() + layout_.results_begin, 0, static_cast<std::size_t>(results_.size()), stream));
}

void SearchMemory::read(GeneratedCaptions& out) const {
  const auto host = [&](auto* device) { return on_host(results_, device, layout_.results_begin); };
  if (*host(state_.not_finite) != 0) throw logits_not_finite();
  const int* counts = host(state_.caption_count);
  for (Index image = 0; image < images_; ++image) {
    out.caption_counts.push_back(counts[image]);
    for (Index rank = 0; rank < counts[image]; ++rank) {
      const Index at = image * shape_.beam_width + rank;
      const Caption& caption = host(state_.captions)[at];
      const int* tokens = host(state_.caption_tokens) + at * shape_.max_length;
      const float* log_probs = host(state_.caption_log_probs) + at * shape_.max_length;
      out.token_ids.insert(out.token_ids.end(), tokens, tokens + caption.length);
      out.log_probs.insert(out.log_probs.end(), log_probs, log_probs + caption.length);
      out.lengths.push_back(caption.length);
      out.scores.push_back(caption.score);
      out.normalized_scores.push_back(caption.normalized_score);
      out.ended_by_max_length.push_back(static_cast<std::uint8_t>(caption.ended_by_max_length));
    }
  }
}

}  // namespace showtell::cuda
