#include <algorithm>
#include <set>

#include "emulation/schedule.h"
#include "emulation/streams.h"

namespace cuda_emulation {

namespace {

/// Whether every captured node leads to the end of the stream that began the capture.
bool is_joined(const cuda_emulation_graph& graph, const Link& end) {
  std::set<const Node*> reached;
  std::vector<Link> open{end};
  while (!open.empty()) {
    const Link node = open.back();
    open.pop_back();
    if (!reached.insert(node.get()).second) continue;
    open.insert(open.end(), node->after.begin(), node->after.end());
  }
  return std::all_of(graph.nodes.begin(), graph.nodes.end(),
                     [&](const Link& node) { return reached.count(node.get()) > 0; });
}

/// Runs the nodes in an order that their edges allow; their `done` marks are not touched: a graph runs many times.
void run_graph(const std::vector<Link>& nodes) {
  std::set<const Node*> done;
  const auto is_ready = [&](const Link& node) {
    return done.count(node.get()) == 0 && std::all_of(node->after.begin(), node->after.end(),
                                                      [&](const Link& other) { return done.count(other.get()) > 0; });
  };
  if (schedule().order == Schedule::Order::forward) {  // the order of capture is one that the edges allow
    for (const Link& node : nodes) {
      if (node->run) node->run();
    }
    return;
  }
  while (done.size() < nodes.size()) {
    std::vector<Link> ready;
    std::copy_if(nodes.begin(), nodes.end(), std::back_inserter(ready), is_ready);
    const bool random = schedule().order == Schedule::Order::random;
    const Link node = random ? ready[random_bits() % ready.size()] : ready.back();
    done.insert(node.get());
    if (node->run) node->run();
  }
}

}  // namespace

}  // namespace cuda_emulation

using namespace cuda_emulation;

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  RETURN_IF_PRETENDED();
  if (stream == nullptr || stream->capture != nullptr) return remember(cudaErrorStreamCaptureUnsupported);
  finish(enqueue(stream, nullptr));  // the events that the stream waits for as well
  stream->capture = new cuda_emulation_graph;
  stream->tail = nullptr;
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  *graph = nullptr;
  if (stream->capture == nullptr) return remember(cudaErrorInvalidValue);
  const Link end = enqueue(stream, nullptr);
  cuda_emulation_graph* captured = stream->capture;
  const bool joined = is_joined(*captured, end);
  for (auto* other : live_streams()) {
    if (other->capture != captured) continue;
    other->capture = nullptr;
    other->tail = nullptr;
    other->waits.clear();
  }
  if (!joined) {
    delete captured;
    return remember(cudaErrorStreamCaptureUnjoined);
  }
  *graph = captured;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  RETURN_IF_PRETENDED();
  *exec = new cuda_emulation_graph_exec{graph->nodes};
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  RETURN_IF_PRETENDED();
  enqueue(stream, [nodes = exec->nodes] { run_graph(nodes); });
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  delete exec;
  return cudaSuccess;
}
