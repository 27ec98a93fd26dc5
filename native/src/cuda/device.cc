#include "cuda/device.h"

#include "cuda/error.h"

namespace showtell::cuda {

namespace {
constexpr int kOldestCapability = 75;  // Turing: the first whose tensor cores the kernels know
}

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string DeviceDescription::text() const {
  return name + ", compute capability " + std::to_string(capability / 10) + "." + std::to_string(capability % 10) +
         ", CUDA driver " + version_text(driver_version);
}

DeviceDescription describe_device() {
  int count = 0;
  check(cudaGetDeviceCount(&count), "looking for a device");
  if (count == 0) throw to_error(cudaErrorNoDevice, "looking for a device");
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, 0), "asking for the device's properties");
  DeviceDescription device;
  device.name = properties.name;
  device.capability = properties.major * 10 + properties.minor;
  device.memory_bytes = static_cast<Index>(properties.totalGlobalMem);
  device.multiprocessors = properties.multiProcessorCount;
  check(cudaDriverGetVersion(&device.driver_version), "asking for the driver's version");
  check(cudaRuntimeGetVersion(&device.runtime_version), "asking for the runtime's version");
  if (device.capability < kOldestCapability) {
    throw Error(ErrorCode::unavailable, "Expected a CUDA device of compute capability 7.5 or higher but received " +
                                            device.text() + ". Hint: use the CPU.");
  }
  return device;
}

}  // namespace showtell::cuda
