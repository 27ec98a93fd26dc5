#include "emulation/errors.h"

#include <cstdio>

#include "emulation/schedule.h"

namespace cuda_emulation {

namespace {
cudaError_t last_error = cudaSuccess, pretence = cudaSuccess;
constexpr int kDriverVersion = 13000;
}  // namespace

cudaError_t remember(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}
cudaError_t pretended() { return pretence; }
void pretend(cudaError_t error) { pretence = error; }

}  // namespace cuda_emulation

using namespace cuda_emulation;

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
#define NAME(error) \
  case error:       \
    return #error
    NAME(cudaSuccess);
    NAME(cudaErrorInvalidValue);
    NAME(cudaErrorMemoryAllocation);
    NAME(cudaErrorInitializationError);
    NAME(cudaErrorInvalidConfiguration);
    NAME(cudaErrorInsufficientDriver);
    NAME(cudaErrorDevicesUnavailable);
    NAME(cudaErrorInvalidDeviceFunction);
    NAME(cudaErrorNoDevice);
    NAME(cudaErrorInvalidDevice);
    NAME(cudaErrorNoKernelImageForDevice);
    NAME(cudaErrorECCUncorrectable);
    NAME(cudaErrorNotReady);
    NAME(cudaErrorIllegalAddress);
    NAME(cudaErrorLaunchTimeout);
    NAME(cudaErrorHardwareStackError);
    NAME(cudaErrorIllegalInstruction);
    NAME(cudaErrorMisalignedAddress);
    NAME(cudaErrorInvalidAddressSpace);
    NAME(cudaErrorInvalidPc);
    NAME(cudaErrorLaunchFailure);
    NAME(cudaErrorSystemDriverMismatch);
    NAME(cudaErrorStreamCaptureUnsupported);
    NAME(cudaErrorStreamCaptureUnjoined);
    NAME(cudaErrorStreamCaptureIsolation);
    NAME(cudaErrorCapturedEvent);
#undef NAME
  }
  return "unrecognized error code";
}
const char* cudaGetErrorString(cudaError_t error) { return cudaGetErrorName(error); }

cudaError_t cudaGetLastError() {
  const cudaError_t error = last_error;
  last_error = cudaSuccess;
  return error;
}
cudaError_t cudaPeekAtLastError() { return last_error; }

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 0;
  RETURN_IF_PRETENDED();
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  RETURN_IF_PRETENDED();
  *device = 0;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  RETURN_IF_PRETENDED();
  return device == 0 ? cudaSuccess : remember(cudaErrorInvalidDevice);
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  RETURN_IF_PRETENDED();
  if (device != 0) return remember(cudaErrorInvalidDevice);
  *properties = {};
  std::snprintf(properties->name, sizeof properties->name, "CUDA emulation");
  properties->totalGlobalMem = schedule().memory_limit;
  properties->sharedMemPerBlockOptin = schedule().shared_limit;
  properties->major = schedule().capability / 10;
  properties->minor = schedule().capability % 10;
  properties->multiProcessorCount = 2;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  RETURN_IF_PRETENDED();
  if (device != 0) return remember(cudaErrorInvalidDevice);
  const int capability = schedule().capability;
  *value = attribute == cudaDevAttrComputeCapabilityMajor ? capability / 10 : capability % 10;
  return cudaSuccess;
}
cudaError_t cuda_emulation::get_function_attributes(cudaFuncAttributes* attributes) {
  RETURN_IF_PRETENDED();
  attributes->ptxVersion = schedule().capability;
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = pretence == cudaErrorInsufficientDriver ? 0 : kDriverVersion;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = kDriverVersion;
  return cudaSuccess;
}
