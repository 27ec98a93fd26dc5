// NativeDecoder: the methods of binding.ts. Each checks and copies its arguments, queues a job and returns its promise;
// what is wrong with the arguments rejects the promise.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/decoder_session.h"

namespace showtell::binding {

/// Of one environment (the main thread or a worker).
struct AddonData {
  Napi::FunctionReference state_constructor;
};

class DecoderWrap : public Napi::ObjectWrap<DecoderWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  /// new Decoder(spec, parameters, { device, precision }); throws.
  explicit DecoderWrap(const Napi::CallbackInfo& info);
  ~DecoderWrap() override;

 private:
  Napi::Value start(const Napi::CallbackInfo& info);
  Napi::Value step(const Napi::CallbackInfo& info);
  Napi::Value sample_step(const Napi::CallbackInfo& info);
  Napi::Value gather_rows(const Napi::CallbackInfo& info);
  Napi::Value read_attention(const Napi::CallbackInfo& info);
  Napi::Value generate(const Napi::CallbackInfo& info);
  Napi::Value train_step(const Napi::CallbackInfo& info);
  Napi::Value evaluate_loss(const Napi::CallbackInfo& info);
  Napi::Value read_parameters(const Napi::CallbackInfo& info);
  Napi::Value write_parameters(const Napi::CallbackInfo& info);
  Napi::Value read_gradients(const Napi::CallbackInfo& info);
  Napi::Value read_averages(const Napi::CallbackInfo& info);
  Napi::Value read_optimizer_state(const Napi::CallbackInfo& info);
  Napi::Value write_optimizer_state(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  /// Calls make_work() -> Work or Step on a live decoder; exceptions become rejections.
  template <typename MakeWork>
  Napi::Value submit(const Napi::CallbackInfo& info, const MakeWork& make_work);

  std::shared_ptr<DecoderSession> session_;
};

}  // namespace showtell::binding
