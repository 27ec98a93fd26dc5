#include "binding/devices.h"

#include "base/cpu_info.h"
#include "binding/arguments.h"
#include "model/cpu_decoder.h"
#include "ops/blas.h"
#ifdef SHOWTELL_WITH_CUDA
#include "cuda/cublaslt.h"
#include "cuda/cudnn.h"
#include "cuda/device.h"
#include "cuda/make_decoder.h"
#endif

namespace showtell::binding {

namespace {

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

std::unique_ptr<Decoder> make_cpu_decoder(const std::string& precision, const DecoderSpec& spec,
                                          const ParameterVisitor& fill) {
  if (precision != "float32") {
    throw Error(ErrorCode::option, expected("float32 (the CPU has no other)", "precision", precision));
  }
  return std::make_unique<CpuDecoder>(spec, fill);
}

#ifdef SHOWTELL_WITH_CUDA

Napi::Object cuda_info(Napi::Env env) {
  const cuda::DeviceDescription device = cuda::describe_device();
  const cuda::CublasLt& cublaslt = cuda::cublaslt();
  auto libraries = Napi::Object::New(env);
  libraries.Set("cudart", cuda::version_text(device.runtime_version));
  libraries.Set("cuBLASLt", cuda::version_of(cublaslt) + ", " + cublaslt.path);
  const cuda::Cudnn* cudnn = cuda::cudnn();
  libraries.Set("cuDNN", cudnn == nullptr ? "none, training runs on kernels of its own (" + cuda::cudnn_absence() + ")"
                                          : cuda::version_of(*cudnn) + ", " + cudnn->path);
  auto info = Napi::Object::New(env);
  info.Set("kind", "cuda");
  info.Set("description", device.text());
  info.Set("memoryBytes", Napi::Number::New(env, static_cast<double>(device.memory_bytes)));
  info.Set("libraries", libraries);
  info.Set("threads", ThreadPool::shared().size());
  return info;
}

std::unique_ptr<Decoder> make_cuda_decoder(const std::string& precision, const DecoderSpec& spec,
                                           const ParameterVisitor& fill) {
  using Precision = cuda::DecoderPrecision;
  const std::pair<const char*, Precision> precisions[] = {{"float32", Precision::float32},
                                                          {"exact", Precision::exact},
                                                          {"float16", Precision::float16},
                                                          {"tf32", Precision::tf32}};
  for (const auto& [name, value] : precisions) {
    if (precision == name) return cuda::make_decoder(spec, value, fill);
  }
  throw Error(ErrorCode::option, expected("float32, exact, float16 or tf32", "precision", precision));
}

#else

[[noreturn]] void refuse_cuda() {
  throw Error(ErrorCode::unavailable, "This addon was built without CUDA: " SHOWTELL_CUDA_ABSENCE ".");
}
Napi::Object cuda_info(Napi::Env) { refuse_cuda(); }
std::unique_ptr<Decoder> make_cuda_decoder(const std::string&, const DecoderSpec&, const ParameterVisitor&) {
  refuse_cuda();
}

#endif

[[noreturn]] void refuse(const std::string& device) {
  throw Error(ErrorCode::option, expected("cpu or cuda", "device", device));
}

}  // namespace

Napi::Object device_info(Napi::Env env, const std::string& device) {
  if (device == "cpu") return cpu_info(env);
  if (device == "cuda") return cuda_info(env);
  refuse(device);
}

DeviceChoice to_device_choice(const Napi::Value& options) {
  const auto object = to_object(options, "options");
  const auto text = [&](const char* name) {
    const Napi::Value value = object.Get(name);
    return value.IsString() ? value.As<Napi::String>().Utf8Value() : "another value";
  };
  return {text("device"), text("precision")};
}

std::unique_ptr<Decoder> make_decoder(const DeviceChoice& choice, const DecoderSpec& spec,
                                      const ParameterVisitor& fill) {
  if (choice.device == "cpu") return make_cpu_decoder(choice.precision, spec, fill);
  if (choice.device == "cuda") return make_cuda_decoder(choice.precision, spec, fill);
  refuse(choice.device);
}

}  // namespace showtell::binding
