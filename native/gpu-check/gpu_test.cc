// What only a GPU can show, or only at real sizes: captions and gradients of the decoders people train, memory that is
// given back, a device that is full. On the emulation the same at small sizes, so that this file is known to work.
#include <algorithm>

#include "check.h"
#include "cuda/cuda_decoder.h"
#include "device_under_test.h"
#include "model/cpu_decoder.h"
#include "plain.h"
#include "workload.h"

using namespace gpu_check;
using cuda::DecoderPrecision;

namespace {

#ifdef CUDA_EMULATION
constexpr bool kTiny = true;
constexpr int kRounds = 4;
constexpr std::size_t kSlack = 0;
#else
constexpr bool kTiny = false;
constexpr int kRounds = 60;
/// The driver takes memory by pages of 2 MiB, for kernels that run for the first time as well.
constexpr std::size_t kSlack = 4 << 20;
#endif

const Workload& workload() {
  static const Workload made(kTiny);
  return made;
}

std::unique_ptr<Decoder> on_device(const Model& model, DecoderPrecision precision) {
  return cuda::make_decoder(model.spec, precision, model.fill());
}

SearchOptions search(Index beam_width, Index n_best = 1) {
  SearchOptions options;
  options.beam_width = beam_width;
  options.n_best = n_best;
  options.max_length = kMaxLength;
  return options;
}

struct Agreement {
  double share = 0, score_difference = 0;
};

/// Share of the images whose best caption is the same, and the largest difference of those captions' scores.
Agreement compare(const GeneratedCaptions& actual, const GeneratedCaptions& wanted) {
  std::size_t same = 0;
  Agreement agreement;
  auto actual_token = actual.token_ids.begin(), wanted_token = wanted.token_ids.begin();
  for (std::size_t at = 0; at < wanted.lengths.size(); ++at) {
    const auto actual_end = actual_token + actual.lengths[at], wanted_end = wanted_token + wanted.lengths[at];
    if (std::equal(actual_token, actual_end, wanted_token, wanted_end)) {
      ++same;
      agreement.score_difference =
          std::fmax(agreement.score_difference, std::fabs(actual.scores[at] - wanted.scores[at]));
    }
    actual_token = actual_end;
    wanted_token = wanted_end;
  }
  agreement.share = static_cast<double>(same) / static_cast<double>(wanted.lengths.size());
  return agreement;
}

void check_captions(const Model& model, Index photos, Index beam_width, const GeneratedCaptions& wanted,
                    DecoderPrecision precision, double share, double score_difference) {
  const auto actual = on_device(model, precision)->generate(model.photos(photos), search(beam_width));
  const Agreement agreement = compare(actual, wanted);
  std::printf("  beam %d, precision %d: %.2f %% the same, scores within %.1e\n", static_cast<int>(beam_width),
              static_cast<int>(precision), 100 * agreement.share, agreement.score_difference);
  CHECK(agreement.share >= share);
  CHECK(agreement.score_difference <= score_difference);
}

std::map<std::string, Floats> gradients(Decoder& decoder, const TrainingBatch& batch) {
  AdamOptions update;
  update.learning_rate = 1e-3;
  decoder.train_step(batch, update);
  std::map<std::string, Floats> all;
  decoder.read_gradients(
      [&](const ParameterShape& shape, float* values) { all[shape.name].assign(values, values + shape.size()); });
  return all;
}

std::size_t used_bytes() {
  std::size_t free = 0, total = 0;
  cuda::check(cudaDeviceSynchronize());
  cuda::check(cudaMemGetInfo(&free, &total));
  return total - free;
}

/// Leaves nothing of the device's memory to others, but the last few blocks.
class FullDevice {
 public:
  FullDevice() {
#ifdef CUDA_EMULATION
    cuda_emulation::use_schedule("memory=1");
#else
    constexpr std::size_t kSmallest = 16 << 20;
    for (std::size_t bytes = std::size_t{1} << 34; bytes >= kSmallest; bytes /= 2) {
      void* block = nullptr;
      while (cudaMalloc(&block, bytes) == cudaSuccess) blocks_.push_back(block);
      (void)cudaGetLastError();
    }
#endif
  }
  ~FullDevice() {
#ifdef CUDA_EMULATION
    cuda_emulation::use_schedule("");
#else
    for (void* block : blocks_) (void)cudaFree(block);
#endif
  }

 private:
  std::vector<void*> blocks_;
};

}  // namespace

TEST(captions_of_a_thousand_photos_are_the_cpus) {
  const Index photos = kTiny ? 4 : 1000;
  for (const Model* model : {&workload().lstm, &workload().recipe, &workload().attention}) {
    const Index own = std::min(photos, static_cast<Index>(model->pooled.size()) / model->spec.feature_size);
    CpuDecoder cpu(model->spec, model->fill());
    for (const Index width : {1, 3, 5, 20}) {
      if (kTiny && width > 3) continue;
      const auto wanted = cpu.generate(model->photos(own), search(width));
      check_captions(*model, own, width, wanted, DecoderPrecision::exact, 0.999, 1e-3);
      check_captions(*model, own, width, wanted, DecoderPrecision::float32, 0.999, 1e-3);
      check_captions(*model, own, width, wanted, DecoderPrecision::float16, 0.85, 0.5);
    }
  }
}

TEST(gradients_are_the_cpus) {
  for (const TrainCase& one : workload().train) {
    TrainingBatch batch = one.batches.front().batch(*one.model);
    batch.dropout_seed = 7;  // the same masks on both
    CpuDecoder cpu(one.model->spec, one.model->fill());
    const auto wanted = gradients(cpu, batch);
    const auto actual = gradients(*on_device(*one.model, DecoderPrecision::float32), batch);
    double worst = 0;
    for (const auto& [name, values] : wanted) {
      const double apart = plain::distance(actual.at(name), values, values.size());
      if (!(apart <= 1e-4)) check::fail((one.name + " " + name).c_str(), 0, std::to_string(apart).c_str());
      worst = std::fmax(worst, apart);
    }
    std::printf("  %s: within %.1e\n", one.name.c_str(), worst);
  }
}

TEST(memory_is_given_back_whatever_a_decoder_has_done) {
  std::size_t before = 0;
  for (int round = 0; round < kRounds; ++round) {
    if (round == 3) before = used_bytes();  // the first ones load kernels and libraries
    const auto precision = round % 2 == 0 ? DecoderPrecision::float16 : DecoderPrecision::exact;
    for (const Model* model : {&workload().lstm, &workload().attention}) {
      const auto decoder = on_device(*model, precision);
      const TrainCase& training = model == &workload().lstm ? workload().train.front() : workload().train.back();
      for (int step = 0; step < 3; ++step) gradients(*decoder, training.batches.front().batch(*model));
      decoder->generate(model->photos(2), search(3));
      const auto state = decoder->start(model->photos(2));
      const std::vector<std::int32_t> tokens(2, kStartTokenId);
      Floats logits(static_cast<std::size_t>(2 * model->spec.vocab_size));
      decoder->step(*state, tokens.data(), logits.data());
    }
  }
  const std::size_t after = used_bytes();
  std::printf("  %zu bytes before, %zu after %d rounds\n", before, after, kRounds - 3);
  CHECK(after <= before + kSlack);
}

TEST(a_full_device_is_an_error_and_work_goes_on_afterwards) {
  const Model& model = workload().lstm;
  const auto decoder = on_device(model, DecoderPrecision::exact);
  const TrainingBatch small = workload().train.front().batches.front().batch(model);
  const TrainingBatch large = workload().train[2].batches.front().batch(model);
  const Index photos = static_cast<Index>(model.pooled.size()) / model.spec.feature_size;
  gradients(*decoder, small);
  const auto wanted = decoder->generate(model.photos(2), search(3)).token_ids;
  {
    const FullDevice full;
    CHECK_THROWS(on_device(model, DecoderPrecision::exact), ErrorCode::memory);
    CHECK_THROWS(gradients(*decoder, large), ErrorCode::memory);
    try {  // a search is cut into smaller pieces first
      CHECK(decoder->generate(model.photos(photos), search(20)).lengths.size() == static_cast<std::size_t>(photos));
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::memory);
    }
  }
  CHECK(decoder->generate(model.photos(2), search(3)).token_ids == wanted);
  CHECK(!gradients(*decoder, large).empty());
  CHECK(decoder->generate(model.photos(photos), search(3)).lengths.size() == static_cast<std::size_t>(photos));
}

TEST_MAIN
