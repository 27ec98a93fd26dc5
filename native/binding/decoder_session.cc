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

/// One call of JavaScript on its way through a thread.
class Job : public Napi::AsyncWorker {
 public:
  Job(Napi::Env env, std::shared_ptr<DecoderSession> session, Work work)
      : Napi::AsyncWorker(env, "showtell"),
        session_(std::move(session)),
        work_(std::move(work)),
        deferred_(Napi::Promise::Deferred::New(env)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

  void Execute() override {
    try {
      make_result_ = work_(*session_->decoder_);
    } catch (...) {
      failure_ = std::current_exception();
    }
  }

  void OnOK() override {
    const Napi::Env env = Env();
    const Napi::HandleScope scope(env);
    try {
      // The next job starts whatever this one's result becomes.
      session_->finished(env);
      try {
        if (failure_) std::rethrow_exception(failure_);
        deferred_.Resolve(make_result_ ? make_result_(env) : env.Undefined());
      } catch (...) {
        deferred_.Reject(current_js_error(env).Value());
      }
    } catch (const Napi::Error&) {
      // A worker thread that is being terminated takes no answers.
    }
  }

 private:
  std::shared_ptr<DecoderSession> session_;
  Work work_;
  Napi::Promise::Deferred deferred_;
  MakeResult make_result_;
  std::exception_ptr failure_;
};

DecoderSession::DecoderSession(Napi::Env env, std::unique_ptr<Decoder> decoder)
    : spec_(decoder->spec()), layout_(spec_), decoder_(std::move(decoder)) {
  report_memory(env);
}

Napi::Promise DecoderSession::enqueue(Napi::Env env, Work work) {
  auto* job = new Job(env, shared_from_this(), std::move(work));  // deletes itself when done
  const Napi::Promise promise = job->promise();
  waiting_.push_back(job);
  run_next();
  return promise;
}

void DecoderSession::run_next() {
  if (running_ || waiting_.empty()) return;
  Job* job = waiting_.front();
  waiting_.pop_front();
  running_ = true;
  job->Queue();
}

void DecoderSession::finished(Napi::Env env) {
  running_ = false;
  report_memory(env);
  run_next();
  if (!running_ && disposed_) dispose(env);
}

void DecoderSession::dispose(Napi::Env env) {
  disposed_ = true;
  if (running_ || !waiting_.empty()) return;
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
