// The memory of a search: one block on the device, with what goes up in front and what comes back at the end, so that
// either is a single copy; and its images of both parts on the host.
#pragma once

#include "cuda/decode/search_state.h"
#include "cuda/runtime.h"
#include "model/inference.h"
#include "model/search_options.h"

namespace showtell::cuda {

/// What a recorded search is made for.
struct SearchShape {
  int images = 1, cells = 0, beam_width = 1, max_length = 1;
  int looked_at() const { return beam_width == 1 ? 1 : 2 * beam_width; }
  int wanted() const { return looked_at() + kTieRoom; }
  bool operator==(const SearchShape& other) const {
    return images == other.images && cells == other.cells && beam_width == other.beam_width &&
           max_length == other.max_length;
  }
};

class SearchMemory {
 public:
  SearchMemory(const DecoderSpec& spec, const SearchShape& shape);

  const SearchState& state() const { return state_; }
  const float* pooled() const { return pooled_; }
  const float* grid() const { return grid_; }
  /// Of all arrays a search of this shape needs besides what the network keeps.
  static Index bytes(const DecoderSpec& spec, const SearchShape& shape);

  /// Queues the copies. `features.images` may be less than the shape's.
  void upload(cudaStream_t stream, const FeatureBatch& features, const SearchOptions& options);
  void download(cudaStream_t stream);
  /// Clears what download() reads whole and a search writes in part: tools that watch for undefined memory see none.
  void clear_results(cudaStream_t stream);
  /// Appends the captions that were downloaded. Throws an option error where a logit was not finite.
  void read(GeneratedCaptions& out) const;

 private:
  template <typename Visit>
  void for_inputs(const Visit& visit);
  template <typename Visit>
  void for_working_arrays(const Visit& visit);
  template <typename Visit>
  void for_results(const Visit& visit);
  struct Layout {
    Index inputs = 0, results_begin = 0, end = 0;
  };
  Layout lay_out(unsigned char* base);
  SearchMemory(const DecoderSpec& spec, const SearchShape& shape, std::nullptr_t);
  template <typename T>
  T* on_host(const PinnedBuffer<unsigned char>& host, const T* device, Index offset) const;

  const DecoderSpec& spec_;
  const SearchShape shape_;
  SearchState state_ = {};
  float *pooled_ = nullptr, *grid_ = nullptr;
  Layout layout_;
  Index images_ = 0;  // of the last upload
  DeviceBuffer<unsigned char> device_;
  PinnedBuffer<unsigned char> inputs_, results_;
};

}  // namespace showtell::cuda
