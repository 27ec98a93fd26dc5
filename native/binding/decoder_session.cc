#include "binding/decoder_session.h"

#include <algorithm>
#include <new>

namespace showtell::binding {

Napi::Error to_js_error(Napi::Env env, ErrorCode code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, name_of(code)));
  return error;
}

Napi::Error current_js_error(Napi::Env env) {
  try {
    throw;
  } catch (const Napi::Error& error) {
    return error;
  } catch (const Error& error) {
    return to_js_error(env, error.code(), error.what());
  } catch (const std::bad_alloc&) {
    return to_js_error(env, ErrorCode::memory, "Expected enough memory for the decoder but the system gave none.");
  } catch (const std::length_error&) {
    return to_js_error(env, ErrorCode::memory, "Expected arrays that fit into memory but received larger ones.");
  } catch (const std::exception& error) {
    return to_js_error(env, ErrorCode::unavailable, error.what());
  }
}

Napi::Promise rejected(Napi::Env env, const Napi::Error& error) {
  auto deferred = Napi::Promise::Deferred::New(env);
  deferred.Reject(error.Value());
  return deferred.Promise();
}

namespace {

constexpr std::size_t kMostStepsInFlight = 2;  // of the contract, packages/core/src/decoder/backend.ts

/// Runs `body` on one of libuv's threads, then `done` on the JavaScript thread. Deletes itself.
class Task : public Napi::AsyncWorker {
 public:
  using Done = std::function<void(Napi::Env)>;
  Task(Napi::Env env, std::function<void()> body, Done done)
      : Napi::AsyncWorker(env, "showtell"), body_(std::move(body)), done_(std::move(done)) {}

  void Execute() override { body_(); }

  void OnOK() override {
    const Napi::Env env = Env();
    const Napi::HandleScope scope(env);
    try {
      done_(env);
    } catch (const Napi::Error&) {
      // A worker thread that is being terminated takes no answers.
    }
  }

 private:
  std::function<void()> body_;
  Done done_;
};

}  // namespace

/// The promise of one call of JavaScript, and what became of it on other threads.
struct DecoderSession::Answer {
  explicit Answer(Napi::Env env) : deferred(Napi::Promise::Deferred::New(env)) {}

  template <typename Body>
  void attempt(const Body& body) {
    try {
      body();
    } catch (...) {
      failure = std::current_exception();
    }
  }

  void give(Napi::Env env) {
    try {
      if (failure) std::rethrow_exception(failure);
      deferred.Resolve(make_result ? make_result(env) : env.Undefined());
    } catch (...) {
      deferred.Reject(current_js_error(env).Value());
    }
  }

  const Napi::Promise::Deferred deferred;
  MakeResult make_result;
  std::exception_ptr failure;
};

DecoderSession::DecoderSession(Napi::Env env, std::unique_ptr<Decoder> decoder)
    : spec_(decoder->spec()), layout_(spec_), decoder_(std::move(decoder)) {
  report_memory(env);
}

Napi::Promise DecoderSession::enqueue(Napi::Env env, Work work) { return add(env, std::move(work), nullptr); }
Napi::Promise DecoderSession::enqueue(Napi::Env env, Step step) { return add(env, nullptr, std::move(step)); }

Napi::Promise DecoderSession::add(Napi::Env env, Work work, Step step) {
  auto answer = std::make_shared<Answer>(env);
  waiting_.push_back({std::move(work), std::move(step), answer});
  run_next(env);
  return answer->deferred.Promise();
}

void DecoderSession::run_next(Napi::Env env) {
  if (running_ || waiting_.empty()) return;
  const std::size_t room = waiting_.front().step ? kMostStepsInFlight : 1;
  if (steps_in_flight_.size() >= room) return;
  const Job job = std::move(waiting_.front());
  waiting_.pop_front();
  running_ = true;
  const auto wait = std::make_shared<Wait>();
  const auto run = [self = shared_from_this(), job, wait] {
    job.answer->attempt([&] {
      if (job.work) {
        job.answer->make_result = job.work(*self->decoder_);
        return;
      }
      *wait = job.step(*self->decoder_);
      if (self->decoder_->overlaps_steps()) return;
      job.answer->make_result = (*wait)();
      *wait = nullptr;
    });
  };
  const auto done = [self = shared_from_this(), job, wait](Napi::Env in) { self->finish_job(in, job, *wait); };
  (new Task(env, run, done))->Queue();
}

void DecoderSession::finish_job(Napi::Env env, const Job& job, Wait wait) {
  running_ = false;
  report_memory(env);
  if (wait) {
    steps_in_flight_.push_back({std::move(wait), job.answer});
    if (steps_in_flight_.size() == 1) wait_next(env);
    go_on(env);
    return;
  }
  go_on(env);  // whatever this one's result becomes
  job.answer->give(env);
}

void DecoderSession::wait_next(Napi::Env env) {
  const StepInFlight& step = steps_in_flight_.front();
  const auto run = [step] { step.answer->attempt([&] { step.answer->make_result = step.wait(); }); };
  (new Task(env, run, [self = shared_from_this()](Napi::Env in) { self->finish_wait(in); }))->Queue();
}

void DecoderSession::finish_wait(Napi::Env env) {
  const auto answer = steps_in_flight_.front().answer;
  steps_in_flight_.pop_front();
  if (!steps_in_flight_.empty()) wait_next(env);
  go_on(env);
  answer->give(env);
}

void DecoderSession::go_on(Napi::Env env) {
  run_next(env);
  if (disposed_) dispose(env);
}

void DecoderSession::dispose(Napi::Env env) {
  disposed_ = true;
  if (busy()) return;
  for (const auto& weak : states_) {
    if (const auto state = weak.lock()) state->state.reset();
  }
  decoder_.reset();
  states_.clear();
  report_memory(env);
}

void DecoderSession::report_memory(Napi::Env env) {
  Index bytes = decoder_ ? decoder_->bytes() : 0;
  states_.erase(std::remove_if(states_.begin(), states_.end(), [](const auto& state) { return state.expired(); }),
                states_.end());
  for (const auto& weak : states_) {
    if (const auto state = weak.lock()) bytes += state->state ? state->state->bytes() : 0;
  }
  if (bytes == reported_bytes_) return;
  Napi::MemoryManagement::AdjustExternalMemory(env, bytes - reported_bytes_);
  reported_bytes_ = bytes;
}

}  // namespace showtell::binding
