// What the .node file exports; packages/native-lstm/src/binding.ts has the types.
#include "base/cpu_info.h"
#include "binding/arguments.h"
#include "binding/decoder_wrap.h"
#include "binding/state_wrap.h"
#include "ops/blas.h"

namespace showtell::binding {

namespace {

template <typename Body>
Napi::Value throwing(Napi::Env env, const Body& body) {
  try {
    return body();
  } catch (...) {
    throw current_js_error(env);
  }
}

Napi::Object cpu_info(Napi::Env env) {
  auto libraries = Napi::Object::New(env);
  const Blas* blas = Blas::active();
  const std::string blas_text = blas == nullptr ? "built-in BLAS" : blas->name();
  if (blas == nullptr) {
    libraries.Set("blas", "built-in (" + Blas::absence() + ")");
  } else {
    libraries.Set("blas", blas->name() + (blas->version().empty() ? "" : " " + blas->version()) + ", " + blas->path());
  }
  const int threads = ThreadPool::shared().size();
  auto info = Napi::Object::New(env);
  info.Set("kind", "cpu");
  info.Set("description", cpu_model() + ", " + kernels().name + ", " + std::to_string(threads) +
                              (threads == 1 ? " thread, " : " threads, ") + blas_text);
  info.Set("libraries", libraries);
  info.Set("threads", threads);
  return info;
}

Napi::Value device_info(const Napi::CallbackInfo& info) {
  return throwing(info.Env(), [&]() -> Napi::Value {
    const std::string device = info[0].IsString() ? info[0].As<Napi::String>().Utf8Value() : "another value";
    if (device == "cuda") throw Error(ErrorCode::unavailable, "This addon was built without CUDA.");
    if (device != "cpu") throw Error(ErrorCode::option, expected("cpu or cuda", "device", device));
    return cpu_info(info.Env());
  });
}

Napi::Value set_thread_count(const Napi::CallbackInfo& info) {
  return throwing(info.Env(), [&]() -> Napi::Value {
    ThreadPool::shared().resize(static_cast<int>(to_index(info[0], "thread count", 1, 1024)));
    return info.Env().Undefined();
  });
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  auto* data = new AddonData();
  env.SetInstanceData(data);
  data->state_constructor = Napi::Persistent(StateWrap::define(env));
  exports.Set("version", SHOWTELL_VERSION);
  exports.Set("Decoder", DecoderWrap::define(env));
  exports.Set("deviceInfo", Napi::Function::New<device_info>(env, "deviceInfo"));
  exports.Set("setThreadCount", Napi::Function::New<set_thread_count>(env, "setThreadCount"));
  return exports;
}

NODE_API_MODULE(showtell_native, initialize)

}  // namespace

}  // namespace showtell::binding
