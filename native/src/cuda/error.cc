#include "cuda/error.h"

#include "cuda/device.h"

namespace showtell::cuda {

namespace {

std::string driver_too_old() {
  int driver = 0, runtime = 0;
  (void)cudaDriverGetVersion(&driver);
  (void)cudaRuntimeGetVersion(&runtime);
  const std::string needed = "a driver for CUDA " + version_text(runtime);
  if (driver == 0) return "Expected " + needed + " but found no NVIDIA driver. Hint: install the driver.";
  return "Expected " + needed + " but found one for CUDA " + version_text(driver) + ". Hint: update the driver.";
}

}  // namespace

Error to_error(cudaError_t error, const std::string& doing) {
  (void)cudaGetLastError();  // not to be reported again by a later call
  const std::string name = cudaGetErrorName(error);
  switch (error) {
    case cudaErrorMemoryAllocation:
      return {ErrorCode::memory,
              "Expected enough memory on the CUDA device but it is full. Hint: take a smaller batch "
              "or a narrower beam, or end other programs on the device."};
    case cudaErrorInsufficientDriver:
      return {ErrorCode::unavailable, driver_too_old()};
    case cudaErrorNoDevice:
      return {ErrorCode::unavailable,
              "Expected a CUDA device but found none. Hint: check nvidia-smi and "
              "CUDA_VISIBLE_DEVICES."};
    case cudaErrorSystemDriverMismatch:
      return {ErrorCode::unavailable,
              "Expected a driver and kernel module of one version but found two. Hint: restart "
              "the machine after the driver's update."};
    case cudaErrorDevicesUnavailable:
      return {ErrorCode::unavailable,
              "Expected a free CUDA device but another program holds it. Hint: end that "
              "program, or set the device's compute mode to default."};
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorInvalidDeviceFunction:
      return {ErrorCode::unavailable,
              "Expected code for this CUDA device but the addon was built for others. Hint: build it on this machine, "
              "or with SHOWTELL_CUDA_ARCHITECTURES=all."};
    // After these CUDA gives the process no second chance (driver_types.h says so of each).
    case cudaErrorIllegalAddress:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorIllegalInstruction:
    case cudaErrorHardwareStackError:
    case cudaErrorLaunchTimeout:
    case cudaErrorLaunchFailure:
    case cudaErrorECCUncorrectable:
      return {ErrorCode::unavailable, "The CUDA device was lost (" + name + ") while " + doing +
                                          ". Hint: start the program again; this process cannot use it any more."};
    default:
      return {ErrorCode::unavailable,
              "The CUDA device failed (" + name + ": " + cudaGetErrorString(error) + ") while " + doing + "."};
  }
}

}  // namespace showtell::cuda
