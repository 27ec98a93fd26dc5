// The binding's CUDA device for its tests: computes as the CPU does, but lets steps overlap, and demands that they do.
// A batch's dropout seed says what becomes of its step:
//   1  the wait ends when the next step has been started
//   2  the wait ends at once
//   3  the wait fails
//   4  the start fails
// Whatever the order of calls forbids is an error of the call that finds it.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>

#include "cuda/make_decoder.h"
#include "model/cpu_decoder.h"

namespace showtell::cuda {

namespace {

class OverlappingDecoder : public CpuDecoder {
 public:
  using CpuDecoder::CpuDecoder;
  ~OverlappingDecoder() override {
    if (in_flight_ != 0) std::abort();
  }

  bool overlaps_steps() const override { return true; }
  void read_parameters(const ParameterVisitor& read) override {
    demand_idle();
    CpuDecoder::read_parameters(read);
  }

 private:
  StepWait start_step_checked(const TrainingBatch& batch, const AdamOptions& options) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    const Index number = ++started_;
    changed_.notify_all();
    const auto seed = batch.dropout_seed;
    if (seed == 4) throw Error(ErrorCode::memory, "The start failed.");
    if (++in_flight_ > 2) throw Error(ErrorCode::option, expected("at most two", "steps in flight", "a third"));
    return [this, number, seed, wait = CpuDecoder::start_step_checked(batch, options)] {
      std::unique_lock<std::mutex> waiting(mutex_);
      const bool overlapped =
          seed != 1 || changed_.wait_for(waiting, std::chrono::seconds(20), [&] { return started_ > number; });
      const bool in_order = number > answered_;
      answered_ = number;
      --in_flight_;
      if (!in_order) throw Error(ErrorCode::option, "Expected waits in the order of the starts.");
      if (!overlapped) throw Error(ErrorCode::option, "Expected another step to start meanwhile.");
      if (seed == 3) throw Error(ErrorCode::unavailable, "The wait failed.");
      return wait();
    };
  }
  LossSum evaluate_checked(const TrainingBatch& batch) override {
    demand_idle();
    return CpuDecoder::evaluate_checked(batch);
  }
  void demand_idle() const {
    if (in_flight_ != 0) throw Error(ErrorCode::option, expected("no step in flight", "this call", "one"));
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  Index started_ = 0, answered_ = 0;
  std::atomic<int> in_flight_{0};
};

}  // namespace

std::unique_ptr<Decoder> make_decoder(const DecoderSpec& spec, DecoderPrecision, const ParameterVisitor& fill) {
  return std::make_unique<OverlappingDecoder>(spec, fill);
}

}  // namespace showtell::cuda
