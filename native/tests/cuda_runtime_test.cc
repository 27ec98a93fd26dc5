// The host's side of the CUDA device over the emulated runtime: errors with hints, memory that is given back, graphs,
// matrix products, and libraries that are missing.
#include "cuda/runtime.h"

#include <cstdlib>
#include <random>
#include <string>

#include "check.h"
#include "cuda/cudnn.h"
#include "cuda/decode/decode_stream.h"
#include "cuda/device.h"
#include "cuda/gemm.h"
#include "cuda/libraries.h"
#include "device_under_test.h"

using namespace showtell;
using namespace showtell::cuda;

namespace {

#ifdef CUDA_EMULATION
/// What describe_device says when the runtime answers with that error.
std::string refusal(cudaError_t error) {
  cuda_emulation::pretend(error);
  std::string text = "no error";
  try {
    describe_device();
  } catch (const Error& thrown) {
    text = std::string(name_of(thrown.code())) + ": " + thrown.what();
  }
  cuda_emulation::pretend(cudaSuccess);
  return text;
}
#endif

__global__ void increment(int* p) { ++*p; }

bool says(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return true;
  std::printf("  received: %s\n", text.c_str());
  return false;
}

}  // namespace

#ifdef CUDA_EMULATION
TEST(a_device_that_cannot_be_used_says_why) {
  CHECK(says(refusal(cudaErrorInsufficientDriver),
             "unavailable: Expected a driver for CUDA 13.0 but found no NVIDIA driver"));
  CHECK(says(refusal(cudaErrorNoDevice), "Expected a CUDA device but found none. Hint: "));
  CHECK(says(refusal(cudaErrorSystemDriverMismatch), "Hint: restart the machine"));
  CHECK(says(refusal(cudaErrorDevicesUnavailable), "another program holds it"));
  CHECK(says(refusal(cudaErrorMemoryAllocation), "memory: Expected enough memory on the CUDA device"));
  CHECK(says(refusal(cudaErrorLaunchFailure),
             "was lost (cudaErrorLaunchFailure) while looking for a device. Hint: start"));
  CHECK(says(refusal(cudaErrorInvalidValue), "failed (cudaErrorInvalidValue"));
  cuda_emulation::use_schedule("capability=70");
  CHECK(says(refusal(cudaSuccess),
             "Expected a CUDA device of compute capability 7.5 or higher but received CUDA emulation"));
  cuda_emulation::use_schedule("capability=80");
  CHECK(describe_device().capability == 80);
  CHECK(!KernelChoice::of_device().wgmma && !KernelChoice::of_device().overlap);
  cuda_emulation::use_schedule("");
  CHECK(KernelChoice::of_device().wgmma && KernelChoice::of_device().overlap);
  cuda_emulation::use_schedule("capability=120");
  CHECK(!KernelChoice::of_device().wgmma && KernelChoice::of_device().overlap);
  cuda_emulation::use_schedule("");
  CHECK(describe_device().text() == "CUDA emulation, compute capability 9.0, CUDA driver 13.0");
}

TEST(memory_is_given_back) {
  const std::size_t before = cuda_emulation::device_bytes();
  {
    DeviceBuffer<float> buffer(100);
    CHECK(cuda_emulation::device_bytes() == before + 400);
    buffer.reserve(50);
    CHECK(buffer.size() == 100);
    buffer.reserve(200);
    CHECK(buffer.size() == 200 && cuda_emulation::device_bytes() == before + 800);
    const DeviceBuffer<float> moved = std::move(buffer);
    CHECK(cuda_emulation::device_bytes() == before + 800);
  }
  CHECK(cuda_emulation::device_bytes() == before);
  cuda_emulation::use_schedule("memory=1");
  CHECK_THROWS(DeviceBuffer<float>(1 << 20), ErrorCode::memory);
  CHECK_THROWS(PinnedBuffer<float>(Index{1} << 60), ErrorCode::memory);
  cuda_emulation::use_schedule("");
}
#endif

TEST(a_graph_runs_again_and_a_failed_recording_leaves_the_stream_usable) {
  const Stream stream;
  const DeviceBuffer<int> count(1);
  const auto read = [&] {
    int value = 0;
    cuda::check(cudaMemcpyAsync(&value, count.data(), sizeof value, cudaMemcpyDeviceToHost, stream));
    stream.synchronize();
    return value;
  };
  cuda::check(cudaMemsetAsync(count.data(), 0, sizeof(int), stream));
  Graph graph;
  graph.record(stream, [&] { cuda::check(launch(increment, 1, 1, 0, stream, count.data())); });
  CHECK(graph.is_recorded() && read() == 0);
  graph.launch(stream);
  graph.launch(stream);
  CHECK(read() == 2);
  CHECK_THROWS(graph.record(stream, [] { throw Error(ErrorCode::option, "no"); }), ErrorCode::option);
  CHECK(!graph.is_recorded() && read() == 2);
}

TEST(products_agree_with_float64_in_every_layout) {
  std::mt19937 random(1);
  const auto number = [&] { return static_cast<float>(random() % 2001) * 1e-3f - 1; };
  const Stream stream;
  const Gemm gemm, tf32(true);
  const Index m = 5, n = 7, k = 19;
  for (const int layout : {0, 1, 2, 3}) {
    const bool a_transposed = (layout & 1) != 0, b_transposed = (layout & 2) != 0;
    const Index a_rows = a_transposed ? k : m, a_columns = a_transposed ? m : k, a_stride = a_columns + 3;
    const Index b_rows = b_transposed ? n : k, b_columns = b_transposed ? k : n, b_stride = b_columns + 1;
    std::vector<float> a(static_cast<std::size_t>(a_rows * a_stride)), b(static_cast<std::size_t>(b_rows * b_stride));
    for (float& value : a) value = number();
    for (float& value : b) value = number();
    const Index c_stride = n + 2;
    const std::vector<float> before(static_cast<std::size_t>(m * c_stride), 0.5f);
    const auto wanted = [&](Index i, Index j, const auto& rounded) {
      double sum = 0.5;
      for (Index depth = 0; depth < k; ++depth) {
        const auto x = static_cast<std::size_t>(a_transposed ? depth * a_stride + i : i * a_stride + depth);
        const auto y = static_cast<std::size_t>(b_transposed ? j * b_stride + depth : depth * b_stride + j);
        sum += static_cast<double>(rounded(a[x])) * rounded(b[y]);
      }
      return sum;
    };
    // `off`: numbers in front of each matrix, which then begins on no boundary.
    const auto run = [&](const Gemm& product, auto element, const auto& rounded, double tolerance, Index off = 0) {
      using Real = decltype(element);
      const auto upload = [&](const std::vector<float>& values) {
        std::vector<Real> cast(values.size() + static_cast<std::size_t>(off));
        for (std::size_t at = 0; at < values.size(); ++at) {
          const std::size_t place = at + static_cast<std::size_t>(off);
          if constexpr (sizeof(Real) == 2)
            cast[place] = __float2half(values[at]);
          else
            cast[place] = values[at];
        }
        DeviceBuffer<Real> to(static_cast<Index>(cast.size()));
        copy_to_device(to, cast);
        return to;
      };
      const auto device_a = upload(a), device_b = upload(b);
      const DeviceBuffer<float> device_c(off + m * c_stride);
      float* const to = device_c.data() + off;
      std::vector<float> c = before;
      const std::size_t bytes = c.size() * sizeof(float);
      cuda::check(cudaMemcpyAsync(to, c.data(), bytes, cudaMemcpyHostToDevice, stream));
      product(stream, m, n, k, GemmOperand<Real>{device_a.data() + off, a_stride, a_transposed},
              GemmOperand<Real>{device_b.data() + off, b_stride, b_transposed}, to, c_stride, true);
      cuda::check(cudaMemcpyAsync(c.data(), to, bytes, cudaMemcpyDeviceToHost, stream));
      stream.synchronize();
      for (Index i = 0; i < m; ++i) {
        for (Index j = 0; j < c_stride; ++j) {
          const float value = c[static_cast<std::size_t>(i * c_stride + j)];
          CHECK_NEAR(value, j < n ? wanted(i, j, rounded) : 0.5, tolerance);  // what lies between rows stays
        }
      }
    };
    const auto exact = [](float value) { return value; };
    const auto as_half = [](float value) { return __half2float(__float2half(value)); };
    for (const Index off : {0, 1, 8}) {
      run(gemm, 0.0f, exact, 1e-5, off);
      run(gemm, half(), as_half, 1e-5, off);
    }
    run(tf32, 0.0f, exact, 2e-2);
    CHECK(layout != 0 || wanted(0, 0, exact) != 0.5);
  }
}

TEST(a_missing_library_is_named) {
  setenv("SHOWTELL_CUDA_LIBRARIES", "/nowhere:/nor/here", 1);
  CHECK((library_folders() == std::vector<std::string>{"/nowhere", "/nor/here"}));
  std::string text;
  try {
    load_cublaslt();
  } catch (const Error& error) {
    text = error.what();
  }
  CHECK(says(
      text,
      "Expected cuBLASLt (libcublasLt.so.13 or libcublasLt.so.12) but found none. Hint: pip install nvidia-cublas"));
  unsetenv("SHOWTELL_CUDA_LIBRARIES");
}

#ifdef CUDNN_STAND_IN
TEST(cudnn_is_refused_where_it_is_missing_or_too_old) {
  const auto refusal_in = [](const char* folder) {
    setenv("SHOWTELL_CUDA_LIBRARIES", folder, 1);
    std::string text = "none";
    try {
      const Cudnn library = load_cudnn();
      text = "version " + version_of(library);
    } catch (const Error& error) {
      text = error.what();
    }
    unsetenv("SHOWTELL_CUDA_LIBRARIES");
    return text;
  };
  CHECK(says(refusal_in("/nowhere"),
             "Expected cuDNN (libcudnn.so.9) but found none. Hint: pip install nvidia-cudnn-cu13"));
  CHECK(says(refusal_in(CUDNN_STAND_IN_OLD), "Expected cuDNN 9 or newer but " CUDNN_STAND_IN_OLD));
  CHECK(says(refusal_in(CUDNN_STAND_IN_OLD), "is version 8.9. Hint: pip install nvidia-cudnn-cu13."));
  CHECK(refusal_in(CUDNN_STAND_IN) == "version 9.28.1");
}
#endif

TEST(a_library_without_our_functions_is_refused) {
  const Library library({"the C library", {"libc.so.6"}, "libc"});
  void (*function)() = nullptr;
  CHECK_THROWS(library.find("cublasLtCreate", function), ErrorCode::unavailable);
}

TEST_MAIN
