// A decoder as JavaScript shares it: its jobs run one at a time on libuv's threads, in the order they were asked for;
// while a training step is waited for, the next one may start. All members are touched on the JavaScript thread alone,
// but for the decoder itself, which belongs to the running job and to the waits.
#pragma once

#include <napi.h>

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "model/decoder.h"

namespace showtell::binding {

class DecoderSession;

/// Recurrent state as JavaScript shares it.
struct StateHandle {
  std::weak_ptr<DecoderSession> owner;
  std::unique_ptr<DecodingState> state;  // belongs to the running job
  Index rows = 0;                        // after all jobs asked for so far
  bool disposed = false;
};

/// What a job brings back: called on the JavaScript thread.
using MakeResult = std::function<Napi::Value(Napi::Env)>;
/// Runs on another thread; may throw showtell::Error.
using Work = std::function<MakeResult(Decoder&)>;
/// Starts a training step on another thread; what it returns waits for the result on a third.
using Wait = std::function<MakeResult()>;
using Step = std::function<Wait(Decoder&)>;

class DecoderSession : public std::enable_shared_from_this<DecoderSession> {
 public:
  DecoderSession(Napi::Env env, std::unique_ptr<Decoder> decoder);

  /// The spec and layout outlive dispose().
  const DecoderSpec& spec() const { return spec_; }
  const ParameterLayout& layout() const { return layout_; }
  bool disposed() const { return disposed_; }

  /// The promise of the job's result.
  Napi::Promise enqueue(Napi::Env env, Work work);
  Napi::Promise enqueue(Napi::Env env, Step step);
  /// Idempotent. Jobs asked for before still run; memory is freed after the last one.
  void dispose(Napi::Env env);
  void adopt(const std::shared_ptr<StateHandle>& state) { states_.push_back(state); }

 private:
  struct Answer;
  /// `step` where `work` is null.
  struct Job {
    Work work;
    Step step;
    std::shared_ptr<Answer> answer;
  };
  struct StepInFlight {
    Wait wait;
    std::shared_ptr<Answer> answer;
  };

  Napi::Promise add(Napi::Env env, Work work, Step step);
  void run_next(Napi::Env env);
  void finish_job(Napi::Env env, const Job& job, Wait wait);
  void wait_next(Napi::Env env);
  void finish_wait(Napi::Env env);
  void go_on(Napi::Env env);
  bool busy() const { return running_ || !waiting_.empty() || !steps_in_flight_.empty(); }
  void report_memory(Napi::Env env);

  const DecoderSpec spec_;
  const ParameterLayout layout_;
  std::unique_ptr<Decoder> decoder_;
  std::vector<std::weak_ptr<StateHandle>> states_;
  std::deque<Job> waiting_;
  bool running_ = false;
  std::deque<StepInFlight> steps_in_flight_;  // the first one is waited for
  bool disposed_ = false;
  Index reported_bytes_ = 0;
};

/// A JavaScript Error with `.code`.
Napi::Error to_js_error(Napi::Env env, ErrorCode code, const std::string& message);
/// The same for the exception being handled.
Napi::Error current_js_error(Napi::Env env);
Napi::Promise rejected(Napi::Env env, const Napi::Error& error);

}  // namespace showtell::binding
