// What the .node file exports; packages/native-lstm/src/binding.ts has the types.
#include "binding/arguments.h"
#include "binding/decoder_wrap.h"
#include "binding/devices.h"
#include "binding/state_wrap.h"

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

Napi::Value ask_device(const Napi::CallbackInfo& info) {
  return throwing(info.Env(), [&]() -> Napi::Value {
    const std::string device = info[0].IsString() ? info[0].As<Napi::String>().Utf8Value() : "another value";
    return device_info(info.Env(), device);
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
  exports.Set("deviceInfo", Napi::Function::New<ask_device>(env, "deviceInfo"));
  exports.Set("setThreadCount", Napi::Function::New<set_thread_count>(env, "setThreadCount"));
  return exports;
}

NODE_API_MODULE(showtell_native, initialize)

}  // namespace

}  // namespace showtell::binding
