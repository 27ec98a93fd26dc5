// wgmma, the tensor cores of Hopper: 128 threads multiply out of shared memory while they go on. It exists on sm_90a alone;
// elsewhere these functions trap, and the host chooses other kernels (KernelChoice).
#pragma once

#include <cstdint>

#include "cuda/tensor_ops.h"

#if !defined(CUDA_EMULATION) && defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define SHOWTELL_HAS_WGMMA
#endif

namespace showtell::cuda {

/// wgmma was made for this compute capability and left out of what followed.
constexpr int kWgmmaCapability = 90;
/// Whether the code that is being compiled can use it.
#if defined(CUDA_EMULATION) || defined(SHOWTELL_HAS_WGMMA)
constexpr bool kHasWgmma = true;
#else
constexpr bool kHasWgmma = false;
#endif

/// The whole body of a kernel that needs wgmma where there is none.
SHOWTELL_DEVICE void fail_without_wgmma() {
#ifndef CUDA_EMULATION
  __trap();
#endif
}

/// Makes what this thread wrote to shared memory (cp.async counts) visible to wgmma; then a barrier, then wgmma.
SHOWTELL_DEVICE void fence_proxy_async() {
#if defined(CUDA_EMULATION)
  cuda_emulation::async_fence();
#elif defined(SHOWTELL_HAS_WGMMA)
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#endif
}

/// Before the first wgmma on accumulators that other instructions have written.
SHOWTELL_DEVICE void wgmma_fence() {
#if defined(SHOWTELL_HAS_WGMMA)
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#endif
}

SHOWTELL_DEVICE void wgmma_commit() {
#if defined(CUDA_EMULATION)
  cuda_emulation::wgmma_commit();
#elif defined(SHOWTELL_HAS_WGMMA)
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
#endif
}

template <int pending>
SHOWTELL_DEVICE void wgmma_wait() {
#if defined(CUDA_EMULATION)
  cuda_emulation::wgmma_wait(pending);
#elif defined(SHOWTELL_HAS_WGMMA)
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(pending) : "memory");
#endif
}

/// Of a tile of halves in shared memory: K-major, rows of 128 bytes, the 16-byte pieces of row r swizzled by r % 8, groups
/// of 8 rows one after the other (PTX ISA, "Matrix Descriptor Format").
SHOWTELL_DEVICE std::uint64_t wgmma_descriptor(const void* tile SHOWTELL_CALLER) {
#ifdef CUDA_EMULATION
  const unsigned address = cuda_emulation::shared_offset(tile, place);
#else
  const unsigned address = shared_address(tile);
#endif
  constexpr std::uint64_t kLeadingOffset = 1ull << 16, kStride1024 = 64ull << 32, kSwizzle128 = 1ull << 62;
  return (static_cast<std::uint64_t>(address & 0x3FFFF) >> 4) | kLeadingOffset | kStride1024 | kSwizzle128;
}

/// acc (64 x 128 of the warpgroup) = a (64 x 16) * b (128 x 16)^T, plus acc where `accumulate`. Thread t holds in
/// acc[c / 8 * 4 + r % 16 / 8 * 2 + c % 2] the element of row r = t / 32 * 16 + t % 32 / 4 (+ 8) and column c with
/// c % 8 / 2 = t % 4: acc[64].
SHOWTELL_DEVICE void wgmma_m64n128k16(float* acc, std::uint64_t a, std::uint64_t b, int accumulate SHOWTELL_CALLER) {
#if defined(CUDA_EMULATION)
  cuda_emulation::wgmma(128, acc, a, b, accumulate, place);
#elif defined(SHOWTELL_HAS_WGMMA)
  asm volatile(
      "{\n.reg .pred p;\nsetp.ne.b32 p, %66, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 {"
      "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
      "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
      "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
      "}, %64, %65, p, 1, 1, 0, 0;\n}\n"
      : "+f"(acc[0]), "+f"(acc[1]), "+f"(acc[2]), "+f"(acc[3]), "+f"(acc[4]), "+f"(acc[5]), "+f"(acc[6]), "+f"(acc[7]),
        "+f"(acc[8]), "+f"(acc[9]), "+f"(acc[10]), "+f"(acc[11]), "+f"(acc[12]), "+f"(acc[13]), "+f"(acc[14]), "+f"(acc[15]),
        "+f"(acc[16]), "+f"(acc[17]), "+f"(acc[18]), "+f"(acc[19]), "+f"(acc[20]), "+f"(acc[21]), "+f"(acc[22]), "+f"(acc[23]),
        "+f"(acc[24]), "+f"(acc[25]), "+f"(acc[26]), "+f"(acc[27]), "+f"(acc[28]), "+f"(acc[29]), "+f"(acc[30]), "+f"(acc[31]),
        "+f"(acc[32]), "+f"(acc[33]), "+f"(acc[34]), "+f"(acc[35]), "+f"(acc[36]), "+f"(acc[37]), "+f"(acc[38]), "+f"(acc[39]),
        "+f"(acc[40]), "+f"(acc[41]), "+f"(acc[42]), "+f"(acc[43]), "+f"(acc[44]), "+f"(acc[45]), "+f"(acc[46]), "+f"(acc[47]),
        "+f"(acc[48]), "+f"(acc[49]), "+f"(acc[50]), "+f"(acc[51]), "+f"(acc[52]), "+f"(acc[53]), "+f"(acc[54]), "+f"(acc[55]),
        "+f"(acc[56]), "+f"(acc[57]), "+f"(acc[58]), "+f"(acc[59]), "+f"(acc[60]), "+f"(acc[61]), "+f"(acc[62]), "+f"(acc[63])
      : "l"(a), "l"(b), "r"(accumulate));
#else
  __trap();
#endif
}

}  // namespace showtell::cuda
