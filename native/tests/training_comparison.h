// Training on the CUDA device beside training on the CPU: what is compared, and how near it has to be.
#pragma once

#include "cuda/training/cuda_training.h"

#include <cstdlib>

#include "check.h"
#include "golden.h"
#include "model/cpu_decoder.h"
#include "training_problem.h"

namespace training_comparison {

using namespace golden;
using namespace training_problem;
using showtell::cuda::CudaTraining;
using showtell::cuda::Cudnn;

/// In the emulation the stand-in, opened as the library itself is; on a device the library, null where there is none.
inline const Cudnn* library_under_test() {
#ifdef CUDNN_STAND_IN
  static const Cudnn library = [] {
    setenv("SHOWTELL_CUDA_LIBRARIES", CUDNN_STAND_IN, 1);
    const Cudnn opened = showtell::cuda::load_cudnn();
    unsetenv("SHOWTELL_CUDA_LIBRARIES");
    return opened;
  }();
  return &library;
#else
  const Cudnn* const found = showtell::cuda::cudnn();
  if (found == nullptr) std::printf("  skipped: %s\n", showtell::cuda::cudnn_absence().c_str());
  return found;
#endif
}

const char* const kSchedules[] = {"forward late", "backward late", "random seed=1", "random seed=2 blocks=3"};

inline std::unique_ptr<Decoder> on_cpu(const DecoderSpec& spec, const Values& parameters) {
  return std::make_unique<CpuDecoder>(spec, from(parameters));
}

inline double distance(const plain::Floats& actual, const plain::Floats& wanted) {
  return plain::distance(actual, wanted, wanted.size());
}

inline void check_same(const std::string& what, const Values& actual, const Values& wanted, double tolerance) {
  CHECK(actual.size() == wanted.size());
  for (const auto& [name, values] : wanted) {
    const double apart = distance(actual.at(name), values);
    if (apart <= tolerance) continue;
    check::fail((what + " " + name).c_str(), 0, ("is off by " + std::to_string(apart)).c_str());
  }
}

struct Tolerances {
  double loss = 1e-4, gradient = 1e-4, norm = 1e-4, parameter = 1e-3;
};

/// Trains both for `steps` steps and compares losses, norms, the first gradients, and what is left in the end.
inline void check_against_cpu(const std::string& name, const DecoderSpec& spec, const Values& parameters,
                       const TrainingBatch& first_batch, const AdamOptions& update, int steps, CudaTraining& device,
                       const Tolerances& allowed = {}) {
  const auto cpu = on_cpu(spec, parameters);
  const double before = cpu->evaluate_loss(first_batch).loss_sum;
  CHECK_NEAR(device.evaluate_loss(first_batch).loss_sum, before, allowed.loss * before);
  for (int step = 0; step < steps; ++step) {
    TrainingBatch batch = first_batch;
    batch.dropout_seed += static_cast<std::uint64_t>(step);
    const StepResult wanted = cpu->train_step(batch, update), actual = device.train_step(batch, update);
    CHECK_NEAR(actual.loss_sum, wanted.loss_sum, allowed.loss * std::fabs(wanted.loss_sum));
    CHECK_NEAR(actual.gradient_norm, wanted.gradient_norm, allowed.norm * wanted.gradient_norm);
    CHECK(actual.token_count == wanted.token_count);
    if (step > 0) continue;
    Values expected, received;
    cpu->read_gradients(into(expected));
    device.read_gradients(into(received));
    check_same(name + " gradient", received, expected, allowed.gradient);
  }
  Values expected, received;
  cpu->read_parameters(into(expected));
  device.read_parameters(into(received));
  check_same(name + " parameter", received, expected, allowed.parameter);
  if (update.average_decay >= 0) {
    cpu->read_averages(into(expected));
    device.read_averages(into(received));
    check_same(name + " average", received, expected, allowed.parameter);
  }
  CHECK(device.optimizer_step() == cpu->optimizer_step());
  const LossSum wanted = cpu->evaluate_loss(first_batch), actual = device.evaluate_loss(first_batch);
  CHECK_NEAR(actual.loss_sum, wanted.loss_sum, allowed.loss * wanted.loss_sum);
  CHECK(actual.token_count == wanted.token_count);
  CHECK(device.recording_refusal().empty());
}

inline Values parameters_of(const Golden& golden) {
  Values values;
  for (const auto& [name, tensor] : golden.parameters) values[name] = tensor.floats();
  return values;
}

/// Everything that a decoder has, after `steps` steps.
inline plain::Floats train(CudaTraining& device, const TrainingBatch& first_batch, const AdamOptions& update, int steps) {
  plain::Floats all;
  for (int step = 0; step < steps; ++step) {
    TrainingBatch batch = first_batch;
    batch.dropout_seed += static_cast<std::uint64_t>(step);
    all.push_back(static_cast<float>(device.train_step(batch, update).loss_sum));
  }
  const auto append = [&](const ParameterShape& shape, float* values) {
    all.insert(all.end(), values, values + shape.size());
  };
  device.read_parameters(append);
  device.read_gradients(append);
  device.visit_optimizer(Decoder::OptimizerArray::second_moments, append);
  return all;
}

inline DecoderSpec attention_spec() {
  DecoderSpec spec;
  spec.vocab_size = 301;  // more than the threads of a block
  spec.feature_size = 37;
  spec.embedding_size = 35;
  spec.hidden_size = 33;
  spec.layer_count = 2;
  spec.has_attention = true;
  spec.attention_heads = 3;
  spec.attention_size = 39;
  spec.grid_feature_size = 21;
  return spec;
}

/// One of everything: as many rows, queries and cells as need more than one tile.
inline std::unique_ptr<Problem> large_problem(unsigned seed) {
  DecoderSpec spec = attention_spec();
  spec.normalization = Normalization::batch;
  spec.dropout = all_dropout(false);
  auto problem = std::make_unique<Problem>(spec, 3, 41, 23, 11, seed);
  problem->batch.token_weights = problem->weights.data();
  problem->batch.input_token_ids = problem->inputs.data();
  problem->batch.label_smoothing = 0.1;
  problem->update.average_decay = 0.9;
  problem->update.clip_norm = 0.5;
  return problem;
}

}  // namespace training_comparison
