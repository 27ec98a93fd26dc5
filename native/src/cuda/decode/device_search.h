// A whole search on the device: recorded once as a graph, launched for every batch of its shape.
#pragma once

#include "cuda/decode/decoder_network.h"
#include "cuda/decode/search_memory.h"

namespace showtell::cuda {

class DeviceSearch {
 public:
  /// Throws a memory error where the device has no room.
  DeviceSearch(const DecoderNetwork& network, const SearchShape& shape);

  const SearchShape& shape() const { return shape_; }
  Index bytes() const;

  /// Queues a search over at most shape().images images; returns before it has run.
  void begin(const FeatureBatch& features, const SearchOptions& options);
  /// Waits for it and appends its captions.
  void finish(GeneratedCaptions& out);
  /// Waits for it, whatever became of it.
  void abandon() noexcept { (void)cudaStreamSynchronize(stream_); }

 private:
  void record();
  void record_step(int step);

  const DecoderNetwork& network_;
  const SearchShape shape_;
  Stream stream_;
  SearchMemory memory_;
  DeviceImageMemory images_;
  RecurrentState states_[2];  // a step reads one and writes the other
  StepScratch scratch_;
  Graph graph_;
};

}  // namespace showtell::cuda
