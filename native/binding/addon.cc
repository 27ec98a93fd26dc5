// What the .node file exports; packages/native-lstm/src/binding.ts has the types.
#include "base/cpu_info.h"
#include "handles.h"
#include "ops/blas.h"

namespace showtell::binding {

namespace {

Napi::Object cpu_info(Napi::Env env) {
  auto libraries = Napi::Object::New(env);
  const Blas* blas = Blas::active();
  std::string blas_text = "own gemm (" + Blas::absence() + ")";
  if (blas != nullptr) {
    blas_text = blas->name() + (blas->version().empty() ? "" : " " + blas->version());
    libraries.Set(blas->name(), blas->version().empty() ? blas->path() : blas->version());
    libraries.Set("blasPath", blas->path());
  }
  const int threads = ThreadPool::shared().size();
  const std::string isa = kernels().name;
  auto info = Napi::Object::New(env);
  info.Set("kind", "cpu");
  info.Set("description",
           cpu_model() + ", " + isa + ", " + std::to_string(threads) + (threads == 1 ? " thread, " : " threads, ") + blas_text);
  info.Set("libraries", libraries);
  info.Set("threads", threads);
  return info;
}

napi_value device_info(napi_env env, napi_callback_info raw) {
  return throwing(env, [&]() -> napi_value {
    const Napi::CallbackInfo info(env, raw);
    const std::string device = read_text(info[0], "device");
    if (device == "cuda") throw Error(ErrorCode::unavailable, "This binary was built without CUDA.");
    if (device != "cpu") throw Error(ErrorCode::option, expected("cpu or cuda", "device", '"' + device.substr(0, 80) + '"'));
    return cpu_info(env);
  });
}

napi_value set_thread_count(napi_env env, napi_callback_info raw) {
  return throwing(env, [&]() -> napi_value {
    const Napi::CallbackInfo info(env, raw);
    ThreadPool::shared().resize(static_cast<int>(read_count(info[0], "thread count", 1024)));
    return Napi::Env(env).Undefined();
  });
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  auto* data = new AddonData();
  env.SetInstanceData(data);
  data->state_class = Napi::Persistent(define_state_class(env));
  exports.Set("version", SHOWTELL_VERSION);
  exports.Set("Decoder", define_decoder_class(env));
  const auto function = [&](const char* name, napi_callback callback) {
    napi_value value = nullptr;
    if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &value) != napi_ok) throw Napi::Error::New(env);
    exports.Set(name, Napi::Value(env, value));
  };
  function("deviceInfo", device_info);
  function("setThreadCount", set_thread_count);
  return exports;
}

}  // namespace

}  // namespace showtell::binding

static Napi::Object initialize_addon(Napi::Env env, Napi::Object exports) {
  return showtell::binding::initialize(env, exports);
}
NODE_API_MODULE(showtell_native, initialize_addon)
