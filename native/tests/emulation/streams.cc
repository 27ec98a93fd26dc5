#include "emulation/streams.h"

#include <algorithm>
#include <map>

#include "emulation/device_memory.h"
#include "emulation/grid.h"
#include "emulation/sanitizers.h"
#include "emulation/schedule.h"

namespace cuda_emulation {

namespace {

std::vector<Link>& pending() {
  static auto& nodes = *new std::vector<Link>;
  return nodes;
}

void run_node(const Link& node) {
  if (node->done) return;
  std::vector<Link> before = node->after;
  if (schedule().order == Schedule::Order::backward) std::reverse(before.begin(), before.end());
  for (const Link& other : before) run_node(other);
  node->done = true;
  node->after.clear();
  if (node->run) node->run();
  const sanitizers::Quiet quiet;  // the kernel's threads read their arguments in here: freeing them is no race
  node->run = nullptr;
}

bool is_in_use(const cuda_emulation_graph* capture) {
  return std::any_of(live_streams().begin(), live_streams().end(),
                     [&](const cuda_emulation_stream* stream) { return stream->capture == capture; });
}

std::map<const void*, std::size_t>& shared_limits() {
  static auto& limits = *new std::map<const void*, std::size_t>;
  return limits;
}

}  // namespace

cuda_emulation_stream* null_stream() {
  static auto* stream = new cuda_emulation_stream;
  return stream;
}
std::vector<cuda_emulation_stream*>& live_streams() {
  static auto& streams = *new std::vector<cuda_emulation_stream*>;
  return streams;
}

bool is_recording() {
  return std::any_of(live_streams().begin(), live_streams().end(),
                     [](const cuda_emulation_stream* stream) { return stream->capture != nullptr; });
}

void finish(const Link& node) {
  if (node == nullptr || node->done) return;
  open_device_memory();
  if (schedule().order == Schedule::Order::random) {
    const std::vector<Link> candidates = pending();
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if ((random_bits() & 1) != 0) run_node(candidates[random_bits() % candidates.size()]);
    }
  }
  run_node(node);
  acquire_kernels();
  auto& nodes = pending();
  nodes.erase(std::remove_if(nodes.begin(), nodes.end(), [](const Link& other) { return other->done; }), nodes.end());
  close_device_memory();
}

Link enqueue(cudaStream_t to, std::function<void()> run) {
  cuda_emulation_stream* stream = or_null_stream(to);
  const auto node = std::make_shared<Node>();
  node->run = std::move(run);
  const auto follow = [&](const Link& other) {
    if (other != nullptr && !other->done) node->after.push_back(other);
  };
  follow(stream->tail);
  for (const Link& other : stream->waits) follow(other);
  stream->waits.clear();
  if (stream == null_stream()) {
    for (const auto* other : live_streams()) {
      if (other->blocking && other->capture == nullptr) follow(other->tail);
    }
  } else if (stream->blocking && stream->capture == nullptr) {
    follow(null_stream()->tail);
  }
  stream->tail = node;
  if (stream->capture != nullptr) {
    stream->capture->nodes.push_back(node);
  } else {
    pending().push_back(node);
    if (!schedule().lazy_streams) finish(node);
  }
  return node;
}

void host_node(cudaStream_t stream, std::function<void()> body) {
  enqueue(stream, [body = std::move(body)] {
    acquire_kernels();
    body();
  });
}

cudaError_t set_shared_limit(const void* kernel, int bytes) {
  RETURN_IF_PRETENDED();
  if (bytes < 0 || static_cast<std::size_t>(bytes) > schedule().shared_limit) return remember(cudaErrorInvalidValue);
  shared_limits()[kernel] = static_cast<std::size_t>(bytes);
  return cudaSuccess;
}

cudaError_t launch(const cudaLaunchConfig_t& config, const void* kernel, std::function<void()> body) {
  RETURN_IF_PRETENDED();
  const dim3 grid = config.gridDim, block = config.blockDim;
  const std::size_t threads = std::size_t{block.x} * block.y * block.z, bytes = config.dynamicSmemBytes;
  const bool empty = threads == 0 || grid.x == 0 || grid.y == 0 || grid.z == 0;
  if (empty || threads > 1024 || block.z > 64 || grid.x > 0x7fffffff || grid.y > 65535 || grid.z > 65535)
    return remember(cudaErrorInvalidConfiguration);
  const auto found = shared_limits().find(kernel);
  const std::size_t limit = found == shared_limits().end() ? 0 : found->second;
  if (bytes > std::max<std::size_t>(48 << 10, limit)) return remember(cudaErrorInvalidValue);
  bool overlaps = false;
  for (unsigned i = 0; i < config.numAttrs; ++i)
    overlaps |= config.attrs[i].val.programmaticStreamSerializationAllowed != 0;
  enqueue(config.stream, [=, body = std::move(body)] { run_grid(grid, block, bytes, overlaps, body); });
  return cudaSuccess;
}

}  // namespace cuda_emulation

using namespace cuda_emulation;

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  RETURN_IF_PRETENDED();
  if (bytes == 0) return cudaSuccess;
  const bool by_address = kind == cudaMemcpyDefault;
  const bool to_device =
      by_address ? is_device_address(to) : kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device =
      by_address ? is_device_address(from) : kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  if (to_device)
    check_device_span("cudaMemcpy to", to, bytes);
  else if (is_device_address(to))
    fail("cudaMemcpy: the destination is device memory, the kind says host");
  if (from_device)
    check_device_span("cudaMemcpy from", from, bytes);
  else if (is_device_address(from))
    fail("cudaMemcpy: the source is device memory, the kind says host");
  enqueue(stream, [=] {
    acquire_kernels();
    sanitizers::read(from, bytes);
    sanitizers::written(to, bytes);
    std::memcpy(to, from, bytes);
  });
  return cudaSuccess;
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  if (is_recording()) return remember(cudaErrorStreamCaptureUnsupported);
  if (kind == cudaMemcpyHostToDevice && bytes > 0) {
    RETURN_IF_PRETENDED();
    check_device_span("cudaMemcpy to", to, bytes);
    if (is_device_address(from)) fail("cudaMemcpy: the source is device memory, the kind says host");
    // Returns once the numbers are in memory of the driver's; on the device they are when the null stream gets there.
    finish(null_stream()->tail);
    const auto* first = static_cast<const char*>(from);
    enqueue(nullptr, [to, staged = std::vector<char>(first, first + bytes)] {
      acquire_kernels();
      sanitizers::written(to, staged.size());
      std::memcpy(to, staged.data(), staged.size());
    });
    return cudaSuccess;
  }
  const cudaError_t error = cudaMemcpyAsync(to, from, bytes, kind, nullptr);
  return error != cudaSuccess ? error : cudaStreamSynchronize(nullptr);
}

cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  RETURN_IF_PRETENDED();
  if (bytes == 0) return cudaSuccess;
  check_device_span("cudaMemset", to, bytes);
  enqueue(stream, [=] {
    acquire_kernels();
    sanitizers::written(to, bytes);
    std::memset(to, value, bytes);
  });
  return cudaSuccess;
}

cudaError_t cudaMemset(void* to, int value, std::size_t bytes) {
  if (is_recording()) return remember(cudaErrorStreamCaptureUnsupported);
  return cudaMemsetAsync(to, value, bytes, nullptr);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  RETURN_IF_PRETENDED();
  *stream = new cuda_emulation_stream;
  (*stream)->blocking = (flags & cudaStreamNonBlocking) == 0;
  live_streams().push_back(*stream);
  return cudaSuccess;
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, cudaStreamDefault); }

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  if (stream->capture == nullptr) finish(stream->tail);
  auto& streams = live_streams();
  streams.erase(std::remove(streams.begin(), streams.end(), stream), streams.end());
  delete stream;
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  RETURN_IF_PRETENDED();
  if (or_null_stream(stream)->capture != nullptr) return remember(cudaErrorStreamCaptureUnsupported);
  finish(enqueue(stream, nullptr));
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
  RETURN_IF_PRETENDED();
  if (is_recording()) return remember(cudaErrorStreamCaptureUnsupported);
  const std::vector<Link> all = pending();
  for (const Link& node : all) finish(node);
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  RETURN_IF_PRETENDED();
  *event = new cuda_emulation_event;
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  RETURN_IF_PRETENDED();
  event->capture = or_null_stream(stream)->capture;
  event->node = enqueue(stream, nullptr);
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  RETURN_IF_PRETENDED();
  if (is_recording()) return remember(cudaErrorStreamCaptureUnsupported);
  finish(event->node);
  return cudaSuccess;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t, cudaEvent_t) {
  RETURN_IF_PRETENDED();
  *milliseconds = 0;  // the emulation has no clock
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t to, cudaEvent_t event, unsigned) {
  RETURN_IF_PRETENDED();
  if (event->node == nullptr) return cudaSuccess;
  cuda_emulation_stream* stream = or_null_stream(to);
  if (event->capture == nullptr && stream->capture != nullptr) return remember(cudaErrorStreamCaptureIsolation);
  if (event->capture != nullptr && !is_in_use(event->capture)) return remember(cudaErrorCapturedEvent);
  if (event->capture != nullptr && stream->capture == nullptr) {  // the stream joins the capture
    stream->capture = event->capture;
    stream->tail = nullptr;
  }
  stream->waits.push_back(event->node);
  return cudaSuccess;
}
