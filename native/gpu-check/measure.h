// Runs the workload on the device: what it computes is compared with the CPU first, then it is timed.
#pragma once

#include "workload.h"

namespace gpu_check {

/// Milliseconds of a call: median, fastest and slowest of many.
struct Timing {
  double median = 0, least = 0, most = 0;
};

struct Measured {
  std::string name, precision;
  Index count = 0;  // photos or captions of a call
  Timing timing;
  Timing one_at_a_time;        // of training, where each step is waited for; else zeros
  double goal = 0;             // milliseconds; 0 = none
  bool agrees = true;          // with the CPU; false where it failed, without a timing
  std::string agreement;       // in words
  std::vector<Ints> captions;  // of the photos compared
  std::vector<double> losses;  // of the first steps, without dropout
};

/// How long each case is timed: `calls` at least, more within `seconds`; of training, `steps` make a call.
struct Patience {
  int warm_up = 3, calls = 20, steps = 10;
  double seconds = 1;
};

std::vector<Measured> measure_decoding(const Workload& workload, const Patience& patience);
/// Steps of one batch over and over.
std::vector<Measured> measure_training(const Workload& workload, const Patience& patience);
std::vector<Measured> measure_epoch(const Workload& workload, const Patience& patience);

}  // namespace gpu_check
