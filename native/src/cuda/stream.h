// Work of the device: streams, events between them, and graphs, which are recorded once and launched many times.
#pragma once

#include <mutex>

#include "cuda/error.h"

namespace showtell::cuda {

class Stream {
 public:
  Stream() { check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "creating a stream"); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { (void)cudaStreamDestroy(stream_); }

  operator cudaStream_t() const noexcept { return stream_; }
  void synchronize() const { check(cudaStreamSynchronize(stream_), "waiting for the device"); }

 private:
  cudaStream_t stream_ = nullptr;
};

class Event {
 public:
  Event() { check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "creating an event"); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { (void)cudaEventDestroy(event_); }

  void record(cudaStream_t stream) const { check(cudaEventRecord(event_, stream), "recording an event"); }
  /// What is given to `stream` from now on begins after what was recorded.
  void make_wait(cudaStream_t stream) const { check(cudaStreamWaitEvent(stream, event_, 0), "waiting for an event"); }
  [[nodiscard]] cudaError_t wait() const { return cudaEventSynchronize(event_); }
  void synchronize() const { check(wait(), "waiting for the device"); }

 private:
  cudaEvent_t event_ = nullptr;
};

/// Of the process. Held while a graph is recorded, and by whatever waits for the whole device: that spoils a recording,
/// whichever thread makes it.
inline std::mutex& recording_mutex() {
  static std::mutex mutex;
  return mutex;
}

class Graph {
 public:
  Graph() = default;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  ~Graph() { forget(); }

  bool is_recorded() const noexcept { return exec_ != nullptr; }
  void forget() noexcept {
    if (exec_ != nullptr) (void)cudaGraphExecDestroy(exec_);
    exec_ = nullptr;
  }

  /// Records what `work` gives to `stream`, and to streams that it joins through events, in place of running it.
  /// Nothing in `work` may allocate or wait for the device.
  template <typename Work>
  void record(cudaStream_t stream, const Work& work) {
    forget();
    const std::lock_guard<std::mutex> alone(recording_mutex());
    check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "beginning to record a graph");
    cudaGraph_t graph = nullptr;
    try {
      work();
    } catch (...) {
      if (cudaStreamEndCapture(stream, &graph) == cudaSuccess) (void)cudaGraphDestroy(graph);
      throw;
    }
    check(cudaStreamEndCapture(stream, &graph), "recording a graph");
    const cudaError_t error = cudaGraphInstantiate(&exec_, graph, 0);
    (void)cudaGraphDestroy(graph);
    check(error, "preparing a graph");
  }

  void launch(cudaStream_t stream) const { check(cudaGraphLaunch(exec_, stream), "launching a graph"); }

 private:
  cudaGraphExec_t exec_ = nullptr;
};

}  // namespace showtell::cuda
