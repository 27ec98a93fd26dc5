// Decoding on a CUDA device, with the meaning of model/inference.h and model/generate.h.
#pragma once

#include <functional>
#include <list>

#include "cuda/decode/device_search.h"
#include "ops/token_draws.h"

namespace showtell::cuda {

/// The recurrent state of many hypotheses on the device. Rows are gathered by index when the next step reads them.
struct CudaDecoderState {
  Index rows = 0, cells = 0, steps = 0;
  std::vector<std::int32_t> image_of_row;
  std::vector<std::int32_t> source_of_row;  // where each row lies in `current`
  std::vector<float> attention;             // [rows, cells] of the last step, averaged over heads; on the host
  RecurrentState current, next;
  std::shared_ptr<const DeviceImageMemory> images;
  /// On the device.
  Index bytes() const;
};

class CudaInference {
 public:
  // Enough rows to fill a device; more would only cost memory.
  static constexpr Index kMostRowsTogether = 4096;

  /// `parameters` point to device memory and are read when they are first needed and after invalidate(); whoever writes
  /// them has waited until they are there. Nothing here waits for the whole device: that would fail, and spoil the
  /// recording, while another thread records a graph. Both references must outlive this object. `rows_together`:
  /// hypotheses that are searched at the same time.
  CudaInference(const DecoderSpec& spec, const ParameterPointers& parameters, Precision precision,
                Index rows_together = kMostRowsTogether, const KernelChoice& choice = KernelChoice::of_device());

  /// To be called when parameters have changed.
  void invalidate() { ready_ = false; }
  /// On the device; states not counted.
  Index bytes() const;

  /// Features lie on the host here and below.
  CudaDecoderState start(const FeatureBatch& features);
  /// state row i becomes what row rows[i] was.
  void gather(CudaDecoderState& state, const std::int32_t* rows, Index count) const;
  /// Feeds a token a row; writes logits [rows, vocab_size].
  void step(CudaDecoderState& state, const std::int32_t* tokens, float* logits);
  /// As step, but what comes back are the tokens that are drawn from the rows: drawn [rows].
  void sample_step(CudaDecoderState& state, const std::int32_t* tokens, const TokenDraws& draws, std::int32_t* drawn);
  /// The CPU's captions, up to the rounding of the precision. Throws an option error for beams wider than
  /// kMostBeamWidth.
  GeneratedCaptions generate(const FeatureBatch& features, const SearchOptions& options);

 private:
  void prepare();
  /// Takes a step up to the logits on the device, calls `use_logits`, which may only add to the stream, and waits.
  void take_step(CudaDecoderState& state, const std::int32_t* tokens, const std::function<void()>& use_logits);
  void check_cells(const FeatureBatch& features) const;
  Index images_together(const SearchShape& shape, Index most) const;
  DeviceSearch& search_of(const SearchShape& shape, std::size_t lane);
  void search_all(const FeatureBatch& features, const SearchOptions& options, Index together, GeneratedCaptions& out);

  const DecoderSpec& spec_;
  DecoderNetwork network_;
  const Index rows_together_;
  Stream stream_;
  bool ready_ = false;
  std::list<DeviceSearch> lanes_[2];  // two batches at a time: one is copied while the other runs; latest use first
  StepScratch scratch_;
  DeviceBuffer<std::int32_t> step_rows_, step_drawn_;
  DeviceBuffer<float> step_logits_, step_weights_, step_uniforms_;
};

}  // namespace showtell::cuda
