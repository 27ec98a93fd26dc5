// Stream work as a graph of nodes that runs when the host waits for it, in any order its edges allow.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "emulation/errors.h"

namespace cuda_emulation {

struct Node {
  std::function<void()> run;
  std::vector<std::shared_ptr<Node>> after;
  bool done = false;
};
using Link = std::shared_ptr<Node>;

/// A node behind the stream's last one and what the stream waits for: part of a capture, or work to be done.
Link enqueue(cudaStream_t stream, std::function<void()> run);
/// Runs the node and what it depends on; in random order perhaps unrelated work as well.
void finish(const Link& node);

}  // namespace cuda_emulation

struct cuda_emulation_graph {
  std::vector<cuda_emulation::Link> nodes;
};
struct cuda_emulation_graph_exec {
  std::vector<cuda_emulation::Link> nodes;
};
struct cuda_emulation_stream {
  cuda_emulation::Link tail;
  std::vector<cuda_emulation::Link> waits;
  bool blocking = false;  // ordered with the null stream
  cuda_emulation_graph* capture = nullptr;
};
struct cuda_emulation_event {
  cuda_emulation::Link node;
  cuda_emulation_graph* capture = nullptr;
};

namespace cuda_emulation {

cuda_emulation_stream* null_stream();
std::vector<cuda_emulation_stream*>& live_streams();
/// Whether a graph is being recorded: the thread that does, the only one here, may then neither allocate nor wait.
bool is_recording();
inline cuda_emulation_stream* or_null_stream(cudaStream_t stream) { return stream != nullptr ? stream : null_stream(); }

}  // namespace cuda_emulation
