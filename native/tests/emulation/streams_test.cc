// Streams are lazy, graphs run in any order their edges allow, and memory is counted.
#include "emulation/device_array.h"

using namespace device_test;
using namespace showtell::cuda;

namespace {

constexpr int kSize = 512;

void fill(float* out, float value) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = value + static_cast<float>(i % 7);
}
void add(const float* a, const float* b, float* out) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = a[i] + b[i];
}

enum class Wait { before_use, after_use, never };

/// a on one stream, b on another, a + b on the first, as one graph. Whether the sum is right; false for a refused
/// capture.
bool runs_forked(Wait wait) {
  const DeviceArray<float> a(kSize), b(kSize), sum(kSize);
  cudaStream_t first, second;
  cudaEvent_t start, ready;
  CHECK_CUDA(cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking));
  CHECK_CUDA(cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking));
  CHECK_CUDA(cudaEventCreateWithFlags(&start, cudaEventDisableTiming));
  CHECK_CUDA(cudaEventCreateWithFlags(&ready, cudaEventDisableTiming));
  CHECK_CUDA(cudaStreamBeginCapture(first, cudaStreamCaptureModeThreadLocal));
  CHECK_CUDA(cudaEventRecord(start, first));
  CHECK_CUDA(cudaStreamWaitEvent(second, start));
  CHECK_CUDA(launch(fill, 4, kSize / 4, 0, first, a.data(), 1.0f));
  CHECK_CUDA(launch(fill, 4, kSize / 4, 0, second, b.data(), 2.0f));
  CHECK_CUDA(cudaEventRecord(ready, second));
  if (wait == Wait::before_use) CHECK_CUDA(cudaStreamWaitEvent(first, ready));
  CHECK_CUDA(launch(add, 4, kSize / 4, 0, first, static_cast<const float*>(a.data()),
                    static_cast<const float*>(b.data()), sum.data()));
  if (wait == Wait::after_use) CHECK_CUDA(cudaStreamWaitEvent(first, ready));
  cudaGraph_t graph = nullptr;
  bool right = cudaStreamEndCapture(first, &graph) == cudaSuccess;
  if (right) {
    cudaGraphExec_t exec = nullptr;
    CHECK_CUDA(cudaGraphInstantiate(&exec, graph, 0));
    CHECK_CUDA(cudaGraphLaunch(exec, first));
    CHECK_CUDA(cudaStreamSynchronize(first));
    const auto values = sum.read();
    for (int i = 0; i < kSize; ++i) right &= values[static_cast<std::size_t>(i)] == static_cast<float>(3 + 2 * (i % 7));
    CHECK_CUDA(cudaGraphExecDestroy(exec));
    CHECK_CUDA(cudaGraphDestroy(graph));
  }
  CHECK_CUDA(cudaEventDestroy(start));
  CHECK_CUDA(cudaEventDestroy(ready));
  CHECK_CUDA(cudaStreamDestroy(second));
  CHECK_CUDA(cudaStreamDestroy(first));
  return right;
}

}  // namespace

TEST(a_fork_needs_its_wait_and_its_join) {
  cuda_emulation::use_schedule("random seed=5");
  int right = 0, lucky = 0;
  for (int i = 0; i < 20; ++i) {
    right += runs_forked(Wait::before_use) ? 1 : 0;
    lucky += runs_forked(Wait::after_use) ? 1 : 0;
  }
  CHECK(right == 20);
  CHECK(lucky < 20);  // a missing wait fails in some orders only
  CHECK(!runs_forked(Wait::never));
  cuda_emulation::use_schedule("");
}

TEST(nothing_runs_before_the_host_waits) {
  std::vector<float> seen(kSize, -1);
  float* device = nullptr;
  CHECK_CUDA(cudaMalloc(&device, kSize * sizeof(float)));
  CHECK_CUDA(launch(fill, 1, kSize, 0, nullptr, device, 1.0f));
  CHECK_CUDA(cudaMemcpyAsync(seen.data(), device, kSize * sizeof(float), cudaMemcpyDeviceToHost, nullptr));
  CHECK(seen[0] == -1);
  CHECK_CUDA(cudaStreamSynchronize(nullptr));
  CHECK(seen[0] == 1 && seen[6] == 7);
  CHECK_CUDA(cudaFree(device));
}

TEST(a_plain_copy_to_the_device_is_there_when_the_null_stream_has_been_waited_for) {
  const DeviceArray<float> in(std::vector<float>{1, 2, 3, 4}), out(4);
  cudaStream_t stream;
  CHECK_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  const auto first_on = [&](cudaStream_t to) {
    float value = 0;
    CHECK_CUDA(cudaMemcpyAsync(out.data(), in.data(), in.bytes(), cudaMemcpyDeviceToDevice, to));
    CHECK_CUDA(cudaMemcpyAsync(&value, out.data(), sizeof value, cudaMemcpyDeviceToHost, to));
    CHECK_CUDA(cudaStreamSynchronize(to));
    return value;
  };
  CHECK(std::isnan(first_on(stream)));  // it does not wait for the null stream
  CHECK(first_on(nullptr) == 1 && first_on(stream) == 1);
  CHECK_CUDA(cudaStreamDestroy(stream));
}

TEST(a_graph_keeps_the_arguments_of_its_capture) {
  const DeviceArray<float> out(32);
  cudaStream_t stream;
  CHECK_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  float value = 3;
  CHECK_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  CHECK_CUDA(launch(fill, 1, 32, 0, stream, out.data(), value));
  CHECK(cudaStreamSynchronize(stream) == cudaErrorStreamCaptureUnsupported);
  CHECK(cudaDeviceSynchronize() == cudaErrorStreamCaptureUnsupported);
  void* more = nullptr;
  CHECK(cudaMalloc(&more, 16) == cudaErrorStreamCaptureUnsupported);
  CHECK(cudaMallocHost(&more, 16) == cudaErrorStreamCaptureUnsupported);
  CHECK(cudaMemset(out.data(), 0, 16) == cudaErrorStreamCaptureUnsupported);
  CHECK(cudaMemcpy(out.data(), &value, sizeof value, cudaMemcpyHostToDevice) == cudaErrorStreamCaptureUnsupported);
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  CHECK_CUDA(cudaStreamEndCapture(stream, &graph));
  CHECK_CUDA(cudaGraphInstantiate(&exec, graph, 0));
  value = 100;
  CHECK_CUDA(cudaGraphLaunch(exec, stream));
  CHECK(out.read()[0] == 3);
  CHECK_CUDA(cudaGraphExecDestroy(exec));
  CHECK_CUDA(cudaGraphDestroy(graph));
  CHECK_CUDA(cudaStreamDestroy(stream));
}

TEST(events_outside_a_capture_do_not_enter_it) {
  cudaStream_t stream;
  cudaEvent_t event;
  CHECK_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  CHECK_CUDA(cudaEventCreate(&event));
  CHECK_CUDA(cudaEventRecord(event, nullptr));
  CHECK_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  CHECK(cudaStreamWaitEvent(stream, event) == cudaErrorStreamCaptureIsolation);
  CHECK_CUDA(cudaEventRecord(event, stream));
  cudaGraph_t graph;
  CHECK_CUDA(cudaStreamEndCapture(stream, &graph));
  CHECK(cudaStreamWaitEvent(stream, event) == cudaErrorCapturedEvent);
  CHECK_CUDA(cudaGraphDestroy(graph));
  CHECK_CUDA(cudaEventDestroy(event));
  CHECK_CUDA(cudaStreamDestroy(stream));
}

TEST(memory_is_counted_and_limited) {
  const std::size_t before = cuda_emulation::device_bytes();
  void* p = nullptr;
  CHECK_CUDA(cudaMalloc(&p, 1000));
  CHECK(cuda_emulation::device_bytes() == before + 1000);
  CHECK_CUDA(cudaFree(p));
  CHECK(cuda_emulation::device_bytes() == before);
  cuda_emulation::use_schedule("memory=1");
  CHECK(cudaMalloc(&p, 2 << 20) == cudaErrorMemoryAllocation);
  CHECK(cudaGetLastError() == cudaErrorMemoryAllocation);
  CHECK(cudaGetLastError() == cudaSuccess);
  cuda_emulation::use_schedule("");
  cuda_emulation::pretend(cudaErrorInsufficientDriver);
  int count = -1;
  CHECK(cudaGetDeviceCount(&count) == cudaErrorInsufficientDriver && count == 0);
  cuda_emulation::pretend(cudaSuccess);
}

TEST(memory_begins_as_nothing_useful) {
  const DeviceArray<float> values(16);
  for (const float value : values.read()) CHECK(std::isnan(value));
}

TEST_MAIN
