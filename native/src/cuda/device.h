// The device that this process uses: the first one that CUDA_VISIBLE_DEVICES leaves.
#pragma once

#include <string>

#include "base/error.h"

namespace showtell::cuda {

struct DeviceDescription {
  std::string name;
  int capability = 0;  // 90: compute capability 9.0
  Index memory_bytes = 0;
  int multiprocessors = 0;
  int driver_version = 0, runtime_version = 0;  // 13000: CUDA 13.0

  /// "NVIDIA H100 80GB HBM3, compute capability 9.0, CUDA driver 13.0"
  std::string text() const;
};

/// Throws an unavailable error with the reason and a hint: no driver, a driver too old, no device, one too old, ...
DeviceDescription describe_device();

/// "13.0"
std::string version_text(int version);

}  // namespace showtell::cuda
