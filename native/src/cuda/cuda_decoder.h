// The decoder on a CUDA device: training and decoding over one set of parameters there.
#pragma once

#include "cuda/decode/cuda_inference.h"
#include "cuda/make_decoder.h"
#include "cuda/training/cuda_training.h"

namespace showtell::cuda {

class CudaDecoder : public Decoder {
 public:
  /// Throws an unavailable error where the device or a library is missing, and memory errors.
  CudaDecoder(const DecoderSpec& spec, DecoderPrecision precision, const ParameterVisitor& fill);

  Index bytes() const override;
  bool overlaps_steps() const override { return true; }
  void step(DecodingState& state, const std::int32_t* tokens, float* logits) override;
  void sample_step(DecodingState& state, const std::int32_t* tokens, const TokenDraws& draws,
                   std::int32_t* drawn) override;
  void gather(DecodingState& state, const std::int32_t* rows, Index count) override;

  void read_parameters(const ParameterVisitor& read) override { training_.read_parameters(read); }
  void write_parameters(const ParameterVisitor& write) override;
  void read_gradients(const ParameterVisitor& read) override { training_.read_gradients(read); }
  void read_averages(const ParameterVisitor& read) override { training_.read_averages(read); }
  Index optimizer_step() const override { return training_.optimizer_step(); }
  bool has_moments() const override { return training_.has_moments(); }
  bool has_averages() const override { return training_.has_averages(); }
  void visit_optimizer(OptimizerArray array, const ParameterVisitor& read) override {
    training_.visit_optimizer(array, read);
  }
  void write_optimizer(Index step, const ParameterVisitor* first, const ParameterVisitor* second,
                       const ParameterVisitor* averages) override {
    training_.write_optimizer(step, first, second, averages);
  }
  std::optional<LossScale> loss_scale() const override {
    if (!training_.scales_loss()) return std::nullopt;
    return training_.loss_scale();
  }
  void write_loss_scale(const LossScale& scale) override {
    if (training_.scales_loss()) training_.set_loss_scale(scale);
  }

 private:
  std::unique_ptr<DecodingState> start_checked(const FeatureBatch& features) override;
  GeneratedCaptions generate_checked(const FeatureBatch& features, const SearchOptions& options) override;
  StepWait start_step_checked(const TrainingBatch& batch, const AdamOptions& options) override;
  LossSum evaluate_checked(const TrainingBatch& batch) override { return training_.evaluate_loss(batch); }

  CudaTraining training_;
  CudaInference inference_;  // reads the parameters that training_ keeps
};

}  // namespace showtell::cuda
