// Training on the device against training on the CPU: the goldens' decoders and random ones, with every option, under
// several schedules of the emulation.
#include <set>

#include "device_under_test.h"
#include "training_comparison.h"

using namespace training_comparison;
using showtell::cuda::CudnnStatus;
using showtell::cuda::kMostLogits;
using showtell::cuda::TrainingPrecision;

TEST(ten_steps_equal_those_of_the_cpu_for_every_golden_and_schedule) {
  for (const char* schedule : kSchedules) {
    cuda_emulation::use_schedule(schedule);
    for (const char* name : kNames) {
      const Golden golden(path_of(name));
      const Values parameters = parameters_of(golden);
      CudaTraining device(golden.spec, TrainingPrecision::float32, from(parameters));
      const int steps = schedule == kSchedules[0] ? 10 : 3;
      check_against_cpu(name, golden.spec, parameters, golden.batch, golden.update, steps, device);
    }
  }
}

TEST(cudnn_takes_the_same_steps_for_every_golden_made_expressible) {
  const Cudnn* const library = library_under_test();
  if (library == nullptr) return;
  cuda_emulation::use_schedule("random seed=3");
  for (const char* name : kNames) {
    const Golden golden(path_of(name));
    const Values parameters = parameters_of(golden);
    DecoderSpec spec = golden.spec;
    const bool expressible = !spec.hard_sigmoid && spec.dropout.recurrent == 0;
    const auto with_cudnn = [&] {
      return std::make_unique<CudaTraining>(spec, TrainingPrecision::float32, from(parameters), kMostLogits,
                                            library_under_test);
    };
    CHECK(with_cudnn()->uses_cudnn() == expressible);
    spec.hard_sigmoid = false;
    spec.dropout.recurrent = 0;
    const auto device = with_cudnn();
    CHECK(device->uses_cudnn());
    check_against_cpu(name, spec, parameters, golden.batch, golden.update, 10, *device);
  }
}

namespace {

constexpr CudnnStatus kRefused{3000};
int forward_calls = 0;
std::set<int> refused_calls;

/// The library under test, but for the forward calls of `refused_calls`.
const Cudnn* library_that_refuses() {
  static Cudnn library = *library_under_test();
  static const auto forward = library.forward;
  library.forward = [](auto... arguments) {
    return refused_calls.count(++forward_calls) > 0 ? kRefused : forward(arguments...);
  };
  return &library;
}

}  // namespace

TEST(a_cudnn_that_will_not_be_recorded_is_called_step_by_step) {
  if (library_under_test() == nullptr) return;
  DecoderSpec spec = attention_spec();
  spec.dropout = all_dropout(false);
  spec.dropout.input = spec.dropout.recurrent = 0;
  const Problem plain(spec, 3, 4, 9, 6, 41);
  CudaTraining recorded(spec, TrainingPrecision::float32, from(plain.parameters), kMostLogits, library_under_test);
  CudaTraining refused(spec, TrainingPrecision::float32, from(plain.parameters), kMostLogits, library_that_refuses);
  // Three steps run as they are, until both slots have their room; each slot is recorded then, and calls 4 and 6 are those
  // recordings.
  forward_calls = 0;
  refused_calls = {4, 6};
  CHECK(train(refused, plain.batch, plain.update, 7) == train(recorded, plain.batch, plain.update, 7));
  CHECK(forward_calls == 9);
  CHECK(refused.recording_refusal().find("cuDNN failed") == 0);
  CHECK(recorded.recording_refusal().empty());
}

TEST(a_cudnn_that_cannot_run_is_noticed_before_it_is_needed) {
  const Cudnn* const library = library_under_test();
  if (library == nullptr) return;
  showtell::cuda::try_cudnn(*library);
  Cudnn broken = *library;
  broken.forward = [](auto...) { return CudnnStatus{1008}; };  // a library that it opens itself is missing
  CHECK_THROWS(showtell::cuda::try_cudnn(broken), ErrorCode::unavailable);
  broken = *library;
  broken.create = [](auto...) { return CudnnStatus::device_allocation_failed; };
  CHECK_THROWS(showtell::cuda::try_cudnn(broken), ErrorCode::memory);
}

TEST(cudnn_with_odd_sizes_in_every_precision_equals_the_cpu) {
  const Cudnn* const library = library_under_test();
  if (library == nullptr) return;
  int schedule = 0;
  for (const Normalization normalization : {Normalization::none, Normalization::batch, Normalization::layer}) {
    for (const ImageInjection injection : {ImageInjection::first_input, ImageInjection::initial_state}) {
      for (const double input_dropout : {0.0, 0.25}) {
        cuda_emulation::use_schedule(kSchedules[schedule++ % 4]);
        DecoderSpec spec = attention_spec();
        spec.normalization = normalization;
        spec.image_injection = injection;
        spec.dropout = all_dropout(input_dropout > 0);
        spec.dropout.input = input_dropout;
        spec.dropout.recurrent = 0;
        const Problem problem(spec, 3, 5, 9, 6, 37);
        const auto check_precision = [&](const char* name, TrainingPrecision precision, const Tolerances& allowed) {
          CudaTraining device(spec, precision, from(problem.parameters), kMostLogits, library_under_test);
          CHECK(device.uses_cudnn());
          check_against_cpu(name, spec, problem.parameters, problem.batch, problem.update, 3, device, allowed);
        };
        check_precision("cuDNN float32", TrainingPrecision::float32, {});
        check_precision("cuDNN tf32", TrainingPrecision::tf32, {1e-4, 5e-3, 1e-3, 3e-2});
        check_precision("cuDNN float16", TrainingPrecision::float16, {1e-3, 5e-2, 5e-3, 3e-2});
      }
    }
  }
}

TEST(sizes_beyond_one_tile_with_every_option_equal_the_cpu) {
  int schedule = 0;
  for (const Normalization normalization : {Normalization::none, Normalization::batch, Normalization::layer}) {
    for (const ImageInjection injection : {ImageInjection::first_input, ImageInjection::initial_state}) {
      cuda_emulation::use_schedule(kSchedules[schedule++ % 4]);
      const auto options = large_problem(7);
      DecoderSpec spec = options->spec;
      spec.normalization = normalization;
      spec.image_injection = injection;
      spec.tied_weights = injection == ImageInjection::initial_state;
      const Problem problem(spec, 3, 41, 23, 11, 7);
      TrainingBatch batch = options->batch;
      batch.features = problem.batch.features;
      // Blocks of 64 rows: the logits are made in several parts.
      CudaTraining device(spec, TrainingPrecision::float32, from(problem.parameters), 1);
      check_against_cpu("large", spec, problem.parameters, batch, options->update, 3, device);
    }
  }
}

TEST(one_caption_of_one_word_is_enough) {
  for (const ImageInjection injection : {ImageInjection::first_input, ImageInjection::initial_state}) {
    DecoderSpec spec = attention_spec();
    spec.image_injection = injection;
    const Problem problem(spec, 1, 1, 1, 1, 3);
    CudaTraining device(spec, TrainingPrecision::float32, from(problem.parameters));
    check_against_cpu("one word", spec, problem.parameters, problem.batch, problem.update, 3, device);
  }
}

TEST(an_evaluation_may_be_the_first_thing_done) {
  cuda_emulation::use_schedule("forward late");  // what was not waited for is not there
  const auto problem = large_problem(41);
  const double wanted = on_cpu(problem->spec, problem->parameters)->evaluate_loss(problem->batch).loss_sum;
  CudaTraining device(problem->spec, TrainingPrecision::float16, from(problem->parameters));
  CHECK_NEAR(device.evaluate_loss(problem->batch).loss_sum, wanted, 1e-3 * wanted);
}

TEST(the_same_bits_come_out_under_every_schedule_and_with_two_steps_in_flight) {
  const auto problem = large_problem(11);
  plain::Floats first;
  for (const char* schedule : kSchedules) {
    cuda_emulation::use_schedule(schedule);
    CudaTraining device(problem->spec, TrainingPrecision::float32, from(problem->parameters));
    const plain::Floats all = train(device, problem->batch, problem->update, 5);
    if (first.empty()) first = all;
    CHECK(all == first);
  }
  CudaTraining device(problem->spec, TrainingPrecision::float32, from(problem->parameters));
  TrainingBatch batch = problem->batch;
  device.start_step(batch, problem->update);
  for (std::size_t step = 0; step < 4; ++step) {
    ++batch.dropout_seed;
    device.start_step(batch, problem->update);
    if (step == 0) CHECK_THROWS(device.start_step(batch, problem->update), ErrorCode::option);
    CHECK(static_cast<float>(device.finish_step().loss_sum) == first[step]);
  }
  CHECK(static_cast<float>(device.finish_step().loss_sum) == first[4]);
  CHECK_THROWS(device.finish_step(), ErrorCode::option);
}

TEST(padding_changes_nothing) {
  cuda_emulation::use_schedule("random seed=5");
  const auto problem = large_problem(13);
  CudaTraining plain_device(problem->spec, TrainingPrecision::float32, from(problem->parameters));
  const auto wanted = train(plain_device, problem->batch, problem->update, 2);
  const TrainingBatch& batch = problem->batch;
  const Index wider = batch.time_steps + 6;
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(batch.batch_size * wider), 9), inputs = tokens;
  plain::Floats weights(tokens.size(), 5.0f);
  for (Index row = 0; row < batch.batch_size; ++row) {
    for (Index step = 0; step < batch.lengths[row]; ++step) {
      const auto to = static_cast<std::size_t>(row * wider + step);
      const Index at = row * batch.time_steps + step;
      tokens[to] = batch.token_ids[at];
      inputs[to] = batch.input_token_ids[at];
      weights[to] = batch.token_weights[at];
    }
  }
  TrainingBatch padded = batch;
  padded.time_steps = wider;
  padded.token_ids = tokens.data();
  padded.input_token_ids = inputs.data();
  padded.token_weights = weights.data();
  CudaTraining device(problem->spec, TrainingPrecision::float32, from(problem->parameters));
  CHECK(train(device, padded, problem->update, 2) == wanted);
}

TEST(training_goes_on_from_restored_arrays_to_the_same_bits) {
  const auto problem = large_problem(17);
  CudaTraining whole(problem->spec, TrainingPrecision::float32, from(problem->parameters));
  const auto wanted = train(whole, problem->batch, problem->update, 4);
  CudaTraining first(problem->spec, TrainingPrecision::float32, from(problem->parameters));
  train(first, problem->batch, problem->update, 2);
  using Array = Decoder::OptimizerArray;
  Values parameters, first_moments, second_moments, averages;
  first.read_parameters(into(parameters));
  first.visit_optimizer(Array::first_moments, into(first_moments));
  first.visit_optimizer(Array::second_moments, into(second_moments));
  first.visit_optimizer(Array::averages, into(averages));
  CudaTraining second(problem->spec, TrainingPrecision::float32, from(problem->parameters));
  train(second, problem->batch, problem->update, 1);
  second.write_parameters(from(parameters));
  const ParameterVisitor arrays[] = {from(first_moments), from(second_moments), from(averages)};
  second.write_optimizer(first.optimizer_step(), &arrays[0], &arrays[1], &arrays[2]);
  TrainingBatch batch = problem->batch;
  batch.dropout_seed += 2;
  const auto actual = train(second, batch, problem->update, 2);
  CHECK(std::equal(actual.begin() + 2, actual.end(), wanted.begin() + 4, wanted.end()));
  CHECK(second.optimizer_step() == 4);
}

#ifdef CUDA_EMULATION  // gpu_test.cc asks the same of a GPU
TEST(memory_stops_growing_and_is_given_back) {
  cuda_emulation::use_schedule("forward late");
  const std::size_t before = cuda_emulation::device_bytes();
  {
    const auto problem = large_problem(19);
    CudaTraining device(problem->spec, TrainingPrecision::float16, from(problem->parameters));
    for (int step = 0; step < 2; ++step) device.train_step(problem->batch, problem->update);
    const std::size_t bytes = cuda_emulation::device_bytes();
    for (int step = 0; step < 3; ++step) device.train_step(problem->batch, problem->update);
    device.evaluate_loss(problem->batch);
    CHECK(cuda_emulation::device_bytes() == bytes);
    CHECK(device.bytes() > 0 && static_cast<std::size_t>(device.bytes()) <= bytes);
  }
  CHECK(cuda_emulation::device_bytes() == before);
}

TEST(a_full_device_is_an_error_that_training_outlives) {
  cuda_emulation::use_schedule("forward late memory=80");
  const auto problem = large_problem(19);
  CudaTraining device(problem->spec, TrainingPrecision::float32, from(problem->parameters));
  device.train_step(problem->batch, problem->update);
  DecoderSpec spec = problem->spec;
  const Problem huge(spec, 64, 200, 512, 20, 19);
  CHECK_THROWS(device.train_step(huge.batch, huge.update), ErrorCode::memory);
  CHECK(device.train_step(problem->batch, problem->update).loss_sum > 0);
  cuda_emulation::use_schedule("forward late");
}
#endif

TEST(impossible_batches_are_errors) {
  cuda_emulation::use_schedule("forward late");
  const auto problem = large_problem(23);
  CudaTraining device(problem->spec, TrainingPrecision::float32, from(problem->parameters));
  CHECK_THROWS(device.read_gradients([](const ParameterShape&, float*) {}), ErrorCode::option);
  CHECK_THROWS(device.read_averages([](const ParameterShape&, float*) {}), ErrorCode::option);
  const auto step = [&](const auto& change) {
    TrainingBatch batch = problem->batch;
    change(batch);
    device.train_step(batch, problem->update);
  };
  std::vector<std::int32_t> wrong(1024, 1000);
  CHECK_THROWS(step([&](TrainingBatch& batch) { batch.token_ids = wrong.data(); }), ErrorCode::shape);
  CHECK_THROWS(step([&](TrainingBatch& batch) { batch.features.grid = nullptr; }), ErrorCode::shape);
  // One more than the largest bucket of images that a launch can count.
  const Index images = 61'441;
  const plain::Floats features(static_cast<std::size_t>(images * problem->spec.feature_size));
  CHECK_THROWS(step([&](TrainingBatch& batch) {
                 batch.features = {features.data(), images, features.data(), 1};
                 batch.batch_size = 1;
               }),
               ErrorCode::shape);
  DecoderSpec spec = problem->spec;
  spec.attention_heads = 4;  // does not divide 39
  CHECK_THROWS(CudaTraining(spec, TrainingPrecision::float32, from(problem->parameters)), ErrorCode::option);
}

TEST(tf32_and_float16_stay_near_the_cpu) {
  cuda_emulation::use_schedule("random seed=6");
  for (const Normalization normalization : {Normalization::none, Normalization::batch, Normalization::layer}) {
    for (const ImageInjection injection : {ImageInjection::first_input, ImageInjection::initial_state}) {
      DecoderSpec spec = attention_spec();
      spec.normalization = normalization;
      spec.image_injection = injection;
      spec.tied_weights = injection == ImageInjection::first_input;
      spec.dropout = all_dropout(true);
      const Problem problem(spec, 5, 9, 14, 6, 29);
      CudaTraining tf32(spec, TrainingPrecision::tf32, from(problem.parameters));
      check_against_cpu("tf32", spec, problem.parameters, problem.batch, problem.update, 3, tf32,
                        {1e-4, 5e-3, 1e-3, 3e-2});
      CudaTraining halves(spec, TrainingPrecision::float16, from(problem.parameters));
      check_against_cpu("float16", spec, problem.parameters, problem.batch, problem.update, 3, halves,
                        {1e-3, 5e-2, 5e-3, 3e-2});
    }
  }
}

TEST(an_overflow_skips_the_update_and_halves_the_loss_scale) {
  cuda_emulation::use_schedule("forward late");
  const auto problem = large_problem(31);
  CudaTraining device(problem->spec, TrainingPrecision::float16, from(problem->parameters));
  CHECK(device.loss_scale().factor == 65536);
  device.train_step(problem->batch, problem->update);
  CHECK(device.optimizer_step() == 1 && device.loss_scale().factor == 65536);
  CHECK(device.loss_scale().steps_without_overflow == 1);
  device.set_loss_scale({1e9f, 7});
  Values before, after;
  device.read_parameters(into(before));
  const StepResult skipped = device.train_step(problem->batch, problem->update);
  device.read_parameters(into(after));
  CHECK(before == after);  // the running statistics as well
  CHECK(device.optimizer_step() == 1 && device.skipped_steps() == 1);
  CHECK(device.loss_scale().factor == 5e8f && device.loss_scale().steps_without_overflow == 0);
  CHECK(skipped.gradient_norm == 0 && skipped.loss_sum > 0);
  device.set_loss_scale({1024, 1999});
  CHECK(device.train_step(problem->batch, problem->update).gradient_norm > 0);
  CHECK(device.optimizer_step() == 2 && device.loss_scale().factor == 2048);
}

TEST(a_restored_loss_scale_takes_the_same_steps) {
  cuda_emulation::use_schedule("forward late");
  const auto problem = large_problem(37);
  const auto open = [&](const Values& parameters) {
    return std::make_unique<CudaTraining>(problem->spec, TrainingPrecision::float16, from(parameters));
  };
  const auto straight = open(problem->parameters);
  straight->set_loss_scale({1e9f, 0});
  straight->train_step(problem->batch, problem->update);
  CHECK(straight->skipped_steps() == 1 && straight->optimizer_step() == 0 && !straight->has_moments());
  straight->set_loss_scale({512, 1998});
  straight->train_step(problem->batch, problem->update);
  CHECK(straight->has_moments());
  using Array = Decoder::OptimizerArray;
  Values parameters, first_moments, second_moments, averages;
  straight->read_parameters(into(parameters));
  straight->visit_optimizer(Array::first_moments, into(first_moments));
  straight->visit_optimizer(Array::second_moments, into(second_moments));
  straight->visit_optimizer(Array::averages, into(averages));
  const auto resumed = open(parameters);
  const ParameterVisitor arrays[] = {from(first_moments), from(second_moments), from(averages)};
  resumed->write_optimizer(straight->optimizer_step(), &arrays[0], &arrays[1], &arrays[2]);
  CHECK(resumed->loss_scale().factor == 65536);
  resumed->set_loss_scale(straight->loss_scale());
  CHECK(train(*resumed, problem->batch, problem->update, 2) == train(*straight, problem->batch, problem->update, 2));
  CHECK(straight->loss_scale().factor == 1024 && resumed->loss_scale().factor == 1024);
}

TEST_MAIN
