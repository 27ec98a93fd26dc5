#include "cuda/decode/decode_stream.h"
#include "cuda/error.h"

namespace showtell::cuda {

namespace {

constexpr int kOldestOverlap = 90;       // Hopper: the first with programmatic launches
constexpr int kOverlapInGraphs = 12030;  // CUDA 12.3: the first whose graphs keep them
/// The first driver that loads a kernel, which happens at its first launch, while a graph is being recorded.
constexpr int kLoadsWhileRecording = 12030;

#ifdef SHOWTELL_BUILT_FOR_90A
constexpr bool kBuiltForWgmma = true;
#else
constexpr bool kBuiltForWgmma = false;
#endif

__global__ void code_kernel() {}

}  // namespace

KernelChoice KernelChoice::of_device() {
  int device = 0, major = 0, minor = 0, driver = 0, runtime = 0;
  check(cudaGetDevice(&device));
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device));
  check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device));
  check(cudaDriverGetVersion(&driver));
  check(cudaRuntimeGetVersion(&runtime));
  // Code that the driver made of PTX for an older architecture does not wait for its predecessor.
  cudaFuncAttributes code;
  check(cudaFuncGetAttributes(&code, code_kernel));
  const int capability = major * 10 + minor;
  KernelChoice choice;
  choice.wgmma = kBuiltForWgmma && capability == kWgmmaCapability;
  choice.overlap = capability >= kOldestOverlap && code.ptxVersion >= kOldestOverlap && driver >= kOverlapInGraphs &&
                   runtime >= kOverlapInGraphs;
  choice.record = driver >= kLoadsWhileRecording;
  return choice;
}

}  // namespace showtell::cuda
