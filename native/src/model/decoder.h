// The decoder that a backend hands out: parameters, optimizer moments, decoding and training. Calls must not overlap.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "model/generate.h"
#include "model/training_pass.h"
#include "ops/optimizer.h"

namespace showtell {

struct StepResult : LossSum {
  double gradient_norm = 0;
};

/// Reads or writes one parameter's values.
using ParameterVisitor = std::function<void(const ParameterShape&, float* values)>;

class Decoder {
 public:
  /// `fill` is called once for each parameter with memory to write. Throws option errors for impossible specs.
  Decoder(const DecoderSpec& spec, const ParameterVisitor& fill);
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  const DecoderSpec& spec() const { return spec_; }
  const ParameterLayout& layout() const { return layout_; }
  /// Of parameters and optimizer; states not counted.
  Index bytes() const;

  DecoderState start(const FeatureBatch& features);
  /// Writes logits [rows, vocab_size].
  void step(DecoderState& state, const std::int32_t* tokens, float* logits);
  void gather(DecoderState& state, const std::int32_t* rows, Index count);
  GeneratedCaptions generate(const FeatureBatch& features, const SearchOptions& options);

  StepResult train_step(const TrainingBatch& batch, const AdamOptions& options);
  LossSum evaluate_loss(const TrainingBatch& batch);

  void read_parameters(const ParameterVisitor& read);
  void write_parameters(const ParameterVisitor& write);
  /// Trainable names. Throws an option error before the first train_step.
  void read_gradients(const ParameterVisitor& read);
  /// Throws an option error while no step has kept averages.
  void read_averages(const ParameterVisitor& read);

  Index optimizer_step() const { return optimizer_step_; }
  bool has_moments() const { return first_moments_.size() > 0; }
  bool has_averages() const { return averages_.size() > 0; }
  enum class OptimizerArray { first_moments, second_moments, averages };
  /// Trainable names.
  void visit_optimizer(OptimizerArray array, const ParameterVisitor& read);
  /// Null arrays are forgotten.
  void write_optimizer(Index step, const ParameterVisitor* first, const ParameterVisitor* second,
                       const ParameterVisitor* averages);

 private:
  void check_features(const FeatureBatch& features) const;
  void visit(float* trainable, bool with_statistics, const ParameterVisitor& visitor);
  AlignedBuffer& optimizer_array(OptimizerArray array);

  const DecoderSpec spec_;
  const ParameterLayout layout_;
  AlignedBuffer parameters_, statistics_, gradients_, first_moments_, second_moments_, averages_;
  const ParameterPointers pointers_;
  Inference inference_;
  CpuContext context_;
  Index optimizer_step_ = 0;
};

}  // namespace showtell
