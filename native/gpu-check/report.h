// What was measured beside the peers' figures, as JSON and as a table for docs/benchmarks.md.
#pragma once

#include "measure.h"

namespace gpu_check {

struct Results {
  std::string device;  // with versions
  std::vector<Measured> decode, train, epoch;
};

/// Writes benchmarks.json and benchmarks.md into `folder`; peers.json there holds the peers' figures, if they ran.
void write_report(const Results& results, const std::string& folder);

}  // namespace gpu_check
