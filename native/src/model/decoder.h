// The decoder that a backend hands out: parameters, optimizer moments, decoding and training. One interface, one class
// for each device. Calls must not overlap.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "model/inference.h"
#include "model/search_options.h"
#include "model/training_batch.h"
#include "ops/optimizer.h"
#include "ops/token_draws.h"

namespace showtell {

struct StepResult : LossSum {
  double gradient_norm = 0;
};

/// Dynamic loss scaling (Micikevicius et al. 2018, section 3.2).
struct LossScale {
  float factor = 1;
  std::int32_t steps_without_overflow = 0;  // nor growth
};

/// Waits for a training step that was started.
using StepWait = std::function<StepResult()>;

/// Reads or writes one parameter's values.
using ParameterVisitor = std::function<void(const ParameterShape&, float* values)>;

/// What a decoder keeps of many hypotheses from one step to the next; belongs to the decoder that made it.
class DecodingState {
 public:
  virtual ~DecodingState() = default;
  virtual Index rows() const = 0;
  virtual Index cells() const = 0;
  /// Made so far.
  virtual Index steps() const = 0;
  virtual Index bytes() const = 0;
  /// Attention weights of the last step, [rows, cells]. With attention, after a step.
  virtual const float* attention() const = 0;
};

/// Constructors of devices take `fill`, which is called once for each parameter with memory to write, and throw option
/// errors for impossible specs.
class Decoder {
 public:
  explicit Decoder(const DecoderSpec& spec);
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  virtual ~Decoder() = default;

  const DecoderSpec& spec() const { return spec_; }
  const ParameterLayout& layout() const { return layout_; }
  /// Of parameters and optimizer; states not counted.
  virtual Index bytes() const = 0;

  std::unique_ptr<DecodingState> start(const FeatureBatch& features);
  /// Writes logits [rows, vocab_size].
  virtual void step(DecodingState& state, const std::int32_t* tokens, float* logits) = 0;
  /// As step, and draws each row's next token: drawn [rows].
  virtual void sample_step(DecodingState& state, const std::int32_t* tokens, const TokenDraws& draws,
                           std::int32_t* drawn) = 0;
  virtual void gather(DecodingState& state, const std::int32_t* rows, Index count) = 0;
  GeneratedCaptions generate(const FeatureBatch& features, const SearchOptions& options);

  StepResult train_step(const TrainingBatch& batch, const AdamOptions& options);
  /// The same in two halves: what is returned waits for the result, once, on any thread. Where overlaps_steps(), one
  /// more step may be started meanwhile, and nothing else; the batch stays until the wait is over. Waits are called in
  /// the order of the starts.
  StepWait start_step(const TrainingBatch& batch, const AdamOptions& options);
  virtual bool overlaps_steps() const { return false; }
  LossSum evaluate_loss(const TrainingBatch& batch);

  virtual void read_parameters(const ParameterVisitor& read) = 0;
  virtual void write_parameters(const ParameterVisitor& write) = 0;
  /// Trainable names. Throws an option error before the first train_step.
  virtual void read_gradients(const ParameterVisitor& read) = 0;
  /// Throws an option error while no step has kept averages.
  virtual void read_averages(const ParameterVisitor& read) = 0;

  virtual Index optimizer_step() const = 0;
  virtual bool has_moments() const = 0;
  virtual bool has_averages() const = 0;
  enum class OptimizerArray { first_moments, second_moments, averages };
  /// Trainable names.
  virtual void visit_optimizer(OptimizerArray array, const ParameterVisitor& read) = 0;
  /// Null arrays are forgotten.
  virtual void write_optimizer(Index step, const ParameterVisitor* first, const ParameterVisitor* second,
                               const ParameterVisitor* averages) = 0;
  /// None where gradients are not scaled; written there, it means nothing.
  virtual std::optional<LossScale> loss_scale() const { return std::nullopt; }
  virtual void write_loss_scale(const LossScale&) {}

 protected:
  // After the checks that all devices share.
  virtual std::unique_ptr<DecodingState> start_checked(const FeatureBatch& features) = 0;
  virtual GeneratedCaptions generate_checked(const FeatureBatch& features, const SearchOptions& options) = 0;
  virtual StepWait start_step_checked(const TrainingBatch& batch, const AdamOptions& options) = 0;
  virtual LossSum evaluate_checked(const TrainingBatch& batch) = 0;

  const DecoderSpec spec_;
  const ParameterLayout layout_;

 private:
  void check_features(const FeatureBatch& features) const;
};

}  // namespace showtell
