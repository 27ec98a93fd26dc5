// The decoder against PyTorch in float64 (scripts/golden/decoder.py): 1e-5 relative for outputs, 1e-4 for gradients.
#include "golden.h"
#include "check.h"
#include "ops/dropout.h"

using namespace golden;

namespace {

void check_close(const std::string& what, double distance, double tolerance) {
  if (distance <= tolerance) return;
  check::fail(what.c_str(), 0, ("is off by " + std::to_string(distance)).c_str());
}

/// Compares every parameter that `visit` shows with the golden's tensors.
template <typename Visit>
void check_tensors(const std::string& name, const json::Value& wanted, double tolerance, const Visit& visit) {
  const auto tensors = to_tensors(wanted);
  visit([&](const ParameterShape& shape, float* values) {
    const auto tensor = tensors.find(shape.name);
    if (tensor == tensors.end()) return;
    check_close(name + " " + shape.name, plain::distance(values, tensor->second.data, tensor->second.data.size()),
                tolerance);
  });
}

void check_steps(const Golden& golden, Decoder& decoder) {
  const auto logits = to_tensor(golden.content["expected"]["logits"]).data;
  const bool attends = golden.content["expected"].has("attention");
  const auto attention = attends ? to_tensor(golden.content["expected"]["attention"]).data : std::vector<double>();
  const TrainingBatch& batch = golden.batch;
  const auto classes = static_cast<std::size_t>(golden.spec.vocab_size);
  const auto cells = static_cast<std::size_t>(batch.features.cells);
  const auto state = decoder.start(batch.features);
  decoder.gather(*state, batch.image_of_row, batch.batch_size);
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(batch.batch_size), kStartTokenId);
  plain::Floats actual(tokens.size() * classes);
  for (Index step = 0; step < batch.time_steps; ++step) {
    decoder.step(*state, tokens.data(), actual.data());
    for (std::size_t row = 0; row < tokens.size(); ++row) {
      const std::size_t at = row * static_cast<std::size_t>(batch.time_steps) + static_cast<std::size_t>(step);
      CHECK(plain::distance(actual.data() + row * classes, logits.data() + at * classes, classes) < 1e-5);
      if (attends) {
        CHECK(plain::distance(state->attention() + row * cells, attention.data() + at * cells, cells) < 1e-5);
      }
      tokens[row] = batch.token_ids[at];
    }
  }
}

void check_training(const std::string& name, const Golden& golden, Decoder& decoder) {
  const json::Value& wanted = golden.content["expected"];
  for (std::size_t step = 0; step < wanted["trainingLosses"].array.size(); ++step) {
    TrainingBatch batch = golden.batch;
    batch.dropout_seed += step;
    const StepResult result = decoder.train_step(batch, golden.update);
    const double loss = wanted["trainingLosses"].array[step].number;
    const double norm = wanted["gradientNorms"].array[step].number;
    CHECK_NEAR(result.loss_sum, loss, 1e-5 * std::fabs(loss));
    CHECK_NEAR(result.gradient_norm, norm, 1e-4 * norm);
    if (step == 0) {
      check_tensors(name + " gradient", wanted["gradients"], 1e-4,
                    [&](const auto& read) { decoder.read_gradients(read); });
    }
  }
  check_tensors(name + " after training", wanted["parametersAfterTraining"], 1e-4,
                [&](const auto& read) { decoder.read_parameters(read); });
  if (wanted.has("averagesAfterTraining")) {
    check_tensors(name + " average", wanted["averagesAfterTraining"], 1e-4,
                  [&](const auto& read) { decoder.read_averages(read); });
  }
}

}  // namespace

TEST(outputs_losses_and_gradients_equal_the_goldens) {
  for (const char* name : kNames) {
    const Golden golden(path_of(name));
    const auto decoder = golden.decoder();
    const json::Value& wanted = golden.content["expected"];
    check_steps(golden, *decoder);
    const LossSum before = decoder->evaluate_loss(golden.batch);
    CHECK_NEAR(before.loss_sum, wanted["evaluation"]["lossSum"].number, 1e-5 * before.loss_sum);
    CHECK(before.token_count == static_cast<Index>(wanted["evaluation"]["tokenCount"].number));
    check_training(name, golden, *decoder);
    const LossSum after = decoder->evaluate_loss(golden.batch);
    CHECK_NEAR(after.loss_sum, wanted["evaluationAfterTraining"]["lossSum"].number, 1e-5 * after.loss_sum);
  }
}

TEST(dropout_masks_equal_the_goldens_bit_for_bit) {
  const std::map<std::string, DropoutSite> sites = {{"image", DropoutSite::image},
                                                    {"embedding", DropoutSite::embedding},
                                                    {"input", DropoutSite::input},
                                                    {"recurrent", DropoutSite::recurrent},
                                                    {"attentionValue", DropoutSite::attention_value},
                                                    {"attentionOutput", DropoutSite::attention_output},
                                                    {"output", DropoutSite::output}};
  CpuContext context;
  int compared = 0;
  for (const char* name : kNames) {
    const Golden golden(path_of(name));
    for (const auto& sample : golden.content["expected"]["dropoutMasks"].array) {
      const json::Value& position = sample["position"];
      const Tensor mask = to_tensor(sample["mask"]);
      const Index rows = mask.shape[0], columns = mask.shape[1];
      std::vector<std::int32_t> row_ids, steps;
      for (Index row = 0; row < rows; ++row) {
        row_ids.push_back(static_cast<std::int32_t>(row));
        steps.push_back(static_cast<std::int32_t>(position["step"].number));
      }
      plain::Floats actual(static_cast<std::size_t>(rows * columns));
      draw_dropout_masks(context, static_cast<std::uint64_t>(position["seed"].number),
                         sites.at(position["site"].string), static_cast<Index>(position["layer"].number),
                         sample["rate"].number, rows, row_ids.data(), steps.data(), columns, actual.data());
      CHECK(plain::distance(actual, mask.data, actual.size()) < 1e-8);
      ++compared;
    }
  }
  CHECK(compared > 10);
}

TEST(training_is_bit_identical_from_run_to_run_and_after_restoring_the_optimizer) {
  const Golden golden(path_of("attention-dropout"));
  const auto parameters_after = [&](bool restart) {
    auto decoder = golden.decoder();
    for (int step = 0; step < 4; ++step) {
      TrainingBatch batch = golden.batch;
      batch.dropout_seed += static_cast<std::uint64_t>(step);
      decoder->train_step(batch, golden.update);
      if (!restart || step != 1) continue;
      std::map<std::string, plain::Floats> parameters, first, second, averages;
      const auto into = [](auto& map) {
        return [&map](const ParameterShape& shape, float* values) {
          map[shape.name].assign(values, values + shape.size());
        };
      };
      const auto from = [](const auto& map) -> ParameterVisitor {
        return [&map](const ParameterShape& shape, float* values) {
          std::copy(map.at(shape.name).begin(), map.at(shape.name).end(), values);
        };
      };
      using Array = Decoder::OptimizerArray;
      decoder->read_parameters(into(parameters));
      decoder->visit_optimizer(Array::first_moments, into(first));
      decoder->visit_optimizer(Array::second_moments, into(second));
      decoder->visit_optimizer(Array::averages, into(averages));
      const Index steps = decoder->optimizer_step();
      decoder = golden.decoder();
      decoder->write_parameters(from(parameters));
      const ParameterVisitor visitors[] = {from(first), from(second), from(averages)};
      decoder->write_optimizer(steps, &visitors[0], &visitors[1], &visitors[2]);
    }
    plain::Floats all;
    decoder->read_parameters(
        [&](const ParameterShape& shape, float* values) { all.insert(all.end(), values, values + shape.size()); });
    return all;
  };
  const auto first = parameters_after(false);
  CHECK(first == parameters_after(false));
  CHECK(first == parameters_after(true));
}

TEST_MAIN
