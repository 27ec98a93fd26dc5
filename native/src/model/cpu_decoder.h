// The decoder on the processor.
#pragma once

#include "model/decoder.h"
#include "model/generate.h"
#include "model/training_pass.h"

namespace showtell {

class CpuDecoder : public Decoder {
 public:
  CpuDecoder(const DecoderSpec& spec, const ParameterVisitor& fill);

  Index bytes() const override;
  void step(DecodingState& state, const std::int32_t* tokens, float* logits) override;
  void sample_step(DecodingState& state, const std::int32_t* tokens, const TokenDraws& draws,
                   std::int32_t* drawn) override;
  void gather(DecodingState& state, const std::int32_t* rows, Index count) override;

  void read_parameters(const ParameterVisitor& read) override;
  void write_parameters(const ParameterVisitor& write) override;
  void read_gradients(const ParameterVisitor& read) override;
  void read_averages(const ParameterVisitor& read) override;
  Index optimizer_step() const override { return optimizer_step_; }
  bool has_moments() const override { return first_moments_.size() > 0; }
  bool has_averages() const override { return averages_.size() > 0; }
  void visit_optimizer(OptimizerArray array, const ParameterVisitor& read) override;
  void write_optimizer(Index step, const ParameterVisitor* first, const ParameterVisitor* second,
                       const ParameterVisitor* averages) override;

 protected:
  std::unique_ptr<DecodingState> start_checked(const FeatureBatch& features) override;
  GeneratedCaptions generate_checked(const FeatureBatch& features, const SearchOptions& options) override;
  StepWait start_step_checked(const TrainingBatch& batch, const AdamOptions& options) override;
  LossSum evaluate_checked(const TrainingBatch& batch) override;

 private:
  void write_logits(DecodingState& state, const std::int32_t* tokens, float* logits);
  void visit(float* trainable, bool with_statistics, const ParameterVisitor& visitor);
  AlignedBuffer& optimizer_array(OptimizerArray array);

  AlignedBuffer parameters_, statistics_, gradients_, first_moments_, second_moments_, averages_;
  const ParameterPointers pointers_;
  Inference inference_;
  CpuContext context_;
  PackedMatrix packed_;  // of training passes
  Index optimizer_step_ = 0;
};

}  // namespace showtell
