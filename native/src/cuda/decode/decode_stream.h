// Where decoding's kernels are launched and how: a stream, a precision, and what the device at hand can do.
#pragma once

#include "cuda/decode/operand.h"

namespace showtell::cuda {

constexpr int kSharedBytesEverywhere = 48 * 1024;  // what every device grants a block without asking

/// Which of several kernels with the same result (up to rounding) are used.
struct KernelChoice {
  /// Products of at most so many rows take the tile that spreads them over the whole device. Reading the weights once
  /// for every 16 rows costs more beyond it than idle multiprocessors do (an estimate, not yet measured).
  int few_rows = 128;
  /// With wgmma, products of more rows than this take 128 rows a block instead of 64, as the prototype did on an H100.
  int many_rows = 1536;
  bool wgmma = false;
  /// Kernels may be launched before their predecessor has ended.
  bool overlap = false;
  /// Searches are recorded as graphs.
  bool record = true;

  static KernelChoice of_device();
};

struct DecodeStream {
  cudaStream_t stream = nullptr;
  Precision precision = Precision::exact;
  KernelChoice choice;

  /// The kernel calls begin_after_predecessor() in every thread, before anything but reading weights.
  template <typename... Parameters, typename... Arguments>
  [[nodiscard]] cudaError_t launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared,
                                   const Arguments&... arguments) const {
    return choice.overlap ? launch_overlapping(kernel, grid, block, shared, stream, arguments...)
                          : cuda::launch(kernel, grid, block, shared, stream, arguments...);
  }
};

/// Waits for all that was launched before, then lets the next kernel take its place on the device. In this order, and
/// in every kernel: whoever has waited for its predecessor has then waited for all before that as well.
__device__ __forceinline__ void begin_after_predecessor() {
  wait_for_predecessor();
  allow_successor();
}

}  // namespace showtell::cuda
