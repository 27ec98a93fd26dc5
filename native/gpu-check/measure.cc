#include "measure.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>

#include "cuda/cuda_decoder.h"
#include "model/cpu_decoder.h"

namespace gpu_check {

namespace {

using Clock = std::chrono::steady_clock;
using cuda::CudaTraining;
using cuda::DecoderPrecision;

constexpr int kStepsCompared = 3;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// Milliseconds that `call` takes, once it has run often enough for every graph to be recorded.
Timing time_calls(const Patience& patience, const std::function<void()>& call) {
  for (int done = 0; done < patience.warm_up; ++done) call();
  std::vector<double> times;
  const auto begin = Clock::now();
  while (static_cast<int>(times.size()) < patience.calls || milliseconds_since(begin) < 1000 * patience.seconds) {
    const auto start = Clock::now();
    call();
    times.push_back(milliseconds_since(start));
  }
  std::sort(times.begin(), times.end());
  return {times[times.size() / 2], times.front(), times.back()};
}

Timing divided(const Timing& timing, double by) { return {timing.median / by, timing.least / by, timing.most / by}; }

DecoderPrecision decoder_precision(const std::string& name) {
  if (name == "float16") return DecoderPrecision::float16;
  if (name == "tf32") return DecoderPrecision::tf32;
  return name == "exact" ? DecoderPrecision::exact : DecoderPrecision::float32;
}

cuda::TrainingPrecision training_precision(const std::string& name) {
  if (name == "float16") return cuda::TrainingPrecision::float16;
  return name == "tf32" ? cuda::TrainingPrecision::tf32 : cuda::TrainingPrecision::float32;
}

SearchOptions search_options(Index beam_width) {
  SearchOptions options;
  options.beam_width = beam_width;
  options.max_length = kMaxLength;
  return options;
}

std::vector<Ints> captions_of(const GeneratedCaptions& generated) {
  std::vector<Ints> captions;
  auto token = generated.token_ids.begin();
  for (const std::int32_t length : generated.lengths) {
    captions.emplace_back(token, token + length);
    token += length;
  }
  return captions;
}

void compare_captions(const std::vector<Ints>& wanted, Measured& measured) {
  Index same = 0;
  for (std::size_t at = 0; at < wanted.size(); ++at) same += measured.captions[at] == wanted[at] ? 1 : 0;
  const auto count = static_cast<Index>(wanted.size());
  // Nearly tied words may change places: with halves in a few captions of a hundred, with float32's rounding hardly
  // ever.
  const double share = measured.precision == "float16" ? 0.85 : 0.98;
  measured.agrees = static_cast<double>(same) >= share * static_cast<double>(count);
  measured.agreement = std::to_string(same) + " of " + std::to_string(count) + " captions are the CPU's";
}

/// Without dropout, whose masks peers draw from other generators.
DecoderSpec without_dropout(DecoderSpec spec) {
  spec.dropout = {};
  return spec;
}

AdamOptions update_options() {
  AdamOptions options;
  options.learning_rate = 5e-4;
  options.clip_norm = 5;
  return options;
}

std::vector<double> first_losses(Decoder& decoder, const TrainingBatch& batch) {
  std::vector<double> losses;
  for (int step = 0; step < kStepsCompared; ++step) {
    const StepResult result = decoder.train_step(batch, update_options());
    losses.push_back(result.loss_sum / static_cast<double>(result.token_count));
  }
  return losses;
}

void compare_losses(const std::vector<double>& wanted, Measured& measured) {
  double worst = 0;
  for (std::size_t step = 0; step < wanted.size(); ++step) {
    const double difference = std::fabs(measured.losses[step] - wanted[step]) / wanted[step];
    if (!(difference <= worst)) worst = difference;
  }
  measured.agrees = worst <= (measured.precision == "float32" ? 1e-4 : 1e-2);
  char text[80];
  std::snprintf(text, sizeof(text), "losses of %d steps within %.1e of the CPU's", kStepsCompared, worst);
  measured.agreement = text;
}

/// All batches in turn, the next one prepared while the last is worked on.
void train_through(CudaTraining& training, const Model& model, const std::vector<Captions>& batches, int rounds) {
  bool in_flight = false;
  std::uint64_t seed = 0;
  for (int round = 0; round < rounds; ++round) {
    for (const Captions& captions : batches) {
      TrainingBatch batch = captions.batch(model);
      batch.dropout_seed = ++seed;
      training.start_step(batch, update_options());
      if (in_flight) training.finish_step();
      in_flight = true;
    }
  }
  training.finish_step();
}

/// Calls `measure`; a failure is this row's alone.
Measured measured_row(const std::string& name, const std::string& precision, Index count, const Goals& goals,
                      const std::function<void(Measured&)>& measure) {
  Measured row;
  row.name = name;
  row.precision = precision;
  row.count = count;
  const auto goal = goals.find(precision);
  if (goal != goals.end()) row.goal = goal->second;
  try {
    measure(row);
  } catch (const std::exception& error) {
    row.agrees = false;
    row.agreement = error.what();
  }
  std::printf("%s, %s: %.3f ms (%.3f-%.3f); %s\n", name.c_str(), precision.c_str(), row.timing.median, row.timing.least,
              row.timing.most, row.agreement.c_str());
  std::fflush(stdout);
  return row;
}

}  // namespace

std::vector<Measured> measure_decoding(const Workload& workload, const Patience& patience) {
  std::vector<Measured> all;
  for (const DecodeCase& one : workload.decode) {
    const SearchOptions options = search_options(one.beam_width);
    const FeatureBatch compared = one.model->photos(std::min(one.photos, kPhotosCompared));
    const auto wanted = captions_of(CpuDecoder(one.model->spec, one.model->fill()).generate(compared, options));
    for (const std::string& precision : one.precisions) {
      all.push_back(measured_row(one.name, precision, one.photos, one.goals, [&](Measured& row) {
        const auto decoder = cuda::make_decoder(one.model->spec, decoder_precision(precision), one.model->fill());
        row.captions = captions_of(decoder->generate(compared, options));
        compare_captions(wanted, row);
        const FeatureBatch photos = one.model->photos(one.photos);
        row.timing = time_calls(patience, [&] { decoder->generate(photos, options); });
      }));
    }
  }
  return all;
}

std::vector<Measured> measure_training(const Workload& workload, const Patience& patience) {
  std::vector<Measured> all;
  for (const TrainCase& one : workload.train) {
    const DecoderSpec plain = without_dropout(one.model->spec);
    TrainingBatch batch = one.batches.front().batch(*one.model);
    CpuDecoder cpu(plain, one.model->fill());
    const auto wanted = first_losses(cpu, batch);
    for (const std::string& precision : one.precisions) {
      all.push_back(measured_row(one.name, precision, batch.batch_size, one.goals, [&](Measured& row) {
        row.losses = first_losses(*cuda::make_decoder(plain, decoder_precision(precision), one.model->fill()), batch);
        compare_losses(wanted, row);
        CudaTraining training(one.model->spec, training_precision(precision), one.model->fill(), cuda::kMostLogits,
                              cuda::cudnn);
        row.one_at_a_time = time_calls(patience, [&] {
          ++batch.dropout_seed;
          training.train_step(batch, update_options());
        });
        const auto steps = [&] { train_through(training, *one.model, one.batches, patience.steps); };
        row.timing = divided(time_calls(patience, steps), patience.steps);
      }));
    }
  }
  return all;
}

std::vector<Measured> measure_epoch(const Workload& workload, const Patience& patience) {
  const TrainCase& one = workload.epoch;
  std::vector<Measured> all;
  Index count = 0;
  for (const Captions& captions : one.batches) count += static_cast<Index>(captions.lengths.size());
  for (const std::string& precision : one.precisions) {
    all.push_back(measured_row(one.name, precision, count, one.goals, [&](Measured& row) {
      CudaTraining training(one.model->spec, training_precision(precision), one.model->fill(), cuda::kMostLogits,
                            cuda::cudnn);
      Patience few = patience;
      few.calls = std::min(patience.calls, 5);
      few.seconds = 0;
      row.timing = time_calls(few, [&] { train_through(training, *one.model, one.batches, 1); });
      row.agreement = "-";
    }));
  }
  return all;
}

}  // namespace gpu_check
