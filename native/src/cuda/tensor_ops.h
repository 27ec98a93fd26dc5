// The instructions that C++ has no words for, one function each, named after it: with wgmma.h the only files that hold
// PTX and that ask for the architecture. Each has its device form and its emulated form side by side, with the same
// contract. Reference: PTX ISA 9.0, https://docs.nvidia.com/cuda/parallel-thread-execution.
#pragma once

#include <cstdint>

#include "cuda/launch.h"

// What an emulated operation is told besides: the place in the kernel that a failure names.
#ifdef CUDA_EMULATION
#define SHOWTELL_CALLER , cuda_emulation::Place place = cuda_emulation::Place::here()
#else
#define SHOWTELL_CALLER
#endif
#define SHOWTELL_DEVICE __device__ __forceinline__

namespace showtell::cuda {

/// Before it, a kernel started with launch_overlapping may only read what is constant through all launches.
SHOWTELL_DEVICE void wait_for_predecessor() {
#if defined(CUDA_EMULATION) || __CUDA_ARCH__ >= 900
  cudaGridDependencySynchronize();
#endif
}

/// The successor may begin.
SHOWTELL_DEVICE void allow_successor() {
#if defined(CUDA_EMULATION) || __CUDA_ARCH__ >= 900
  cudaTriggerProgrammaticLaunchCompletion();
#endif
}

#ifndef CUDA_EMULATION
SHOWTELL_DEVICE unsigned shared_address(const void* p) { return static_cast<unsigned>(__cvta_generic_to_shared(p)); }
#endif

/// Begins to copy 16 bytes from global to shared memory, both on a boundary of 16. Turing copies at once.
SHOWTELL_DEVICE void cp_async16(void* shared, const void* global SHOWTELL_CALLER) {
#if defined(CUDA_EMULATION)
  cuda_emulation::async_copy(shared, global, 16, 16, place);
#elif __CUDA_ARCH__ >= 800
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(shared)), "l"(global) : "memory");
#else
  *static_cast<uint4*>(shared) = *static_cast<const uint4*>(global);
#endif
}

/// The same for the first `bytes` (0 or 16) of them; the rest becomes zero. `global` must be valid nevertheless.
SHOWTELL_DEVICE void cp_async16_zfill(void* shared, const void* global, int bytes SHOWTELL_CALLER) {
#if defined(CUDA_EMULATION)
  cuda_emulation::async_copy(shared, global, 16, bytes, place);
#elif __CUDA_ARCH__ >= 800
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global), "r"(bytes)
               : "memory");
#else
  *static_cast<uint4*>(shared) = bytes != 0 ? *static_cast<const uint4*>(global) : make_uint4(0, 0, 0, 0);
#endif
}

/// Closes this thread's group of copies.
SHOWTELL_DEVICE void cp_async_commit() {
#if defined(CUDA_EMULATION)
  cuda_emulation::async_commit();
#elif __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

/// Waits until at most the last `pending` groups of this thread are in flight.
template <int pending>
SHOWTELL_DEVICE void cp_async_wait() {
#if defined(CUDA_EMULATION)
  cuda_emulation::async_wait(pending);
#elif __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
#endif
}

#ifdef CUDA_EMULATION
namespace emulated {

struct LdMatrix {
  std::uint32_t row[4];
  unsigned* out;
};

CUDA_EMULATION_QUIET inline void ldmatrix_x4(void** payloads, const int* lanes, int count) {
  LdMatrix* lane[32];
  cuda_emulation::by_lane(payloads, lanes, count, lane);
  for (int t = 0; t < 32; ++t) {
    for (int j = 0; j < 4; ++j) lane[t]->out[j] = lane[j * 8 + t / 4]->row[t % 4];
  }
}

struct Mma {
  const unsigned *a, *b;
  float* c;
};

CUDA_EMULATION_QUIET inline float half_of(unsigned pair, int i) {
  return cuda_emulation::from_half_bits(static_cast<std::uint16_t>(pair >> (16 * i)));
}

// Fragments: PTX ISA, "Matrix Fragments for mma.m16n8k16 with floating point type".
CUDA_EMULATION_QUIET inline void mma_m16n8k16(void** payloads, const int* lanes, int count) {
  Mma* lane[32];
  cuda_emulation::by_lane(payloads, lanes, count, lane);
  float a[16][16], b[8][16];
  for (int t = 0; t < 32; ++t) {
    const int row = t / 4, k = t % 4 * 2;
    for (int e = 0; e < 2; ++e) {
      a[row][k + e] = half_of(lane[t]->a[0], e);
      a[row + 8][k + e] = half_of(lane[t]->a[1], e);
      a[row][k + 8 + e] = half_of(lane[t]->a[2], e);
      a[row + 8][k + 8 + e] = half_of(lane[t]->a[3], e);
      b[row][k + e] = half_of(lane[t]->b[0], e);
      b[row][k + 8 + e] = half_of(lane[t]->b[1], e);
    }
  }
  for (int t = 0; t < 32; ++t) {
    for (int i = 0; i < 4; ++i) {
      const float *x = a[t / 4 + i / 2 * 8], *y = b[t % 4 * 2 + i % 2];
      float sum = 0;
      for (int k = 0; k < 16; ++k) sum += x[k] * y[k];
      lane[t]->c[i] += sum;
    }
  }
}

}  // namespace emulated
#endif

/// Four 8x8 matrices of halves from shared memory: lane l gives the address of row l % 8 of matrix l / 8 (16 bytes, on
/// a boundary of 16) and receives in out[j] elements 2 * (l % 4) and the next of row l / 4 of matrix j.
SHOWTELL_DEVICE void ldmatrix_x4(unsigned (&out)[4], const void* row SHOWTELL_CALLER) {
#ifdef CUDA_EMULATION
  if (reinterpret_cast<std::uintptr_t>(row) % 16 != 0)
    cuda_emulation::fail(place, "a row address of ldmatrix is not a multiple of 16");
  cuda_emulation::shared_pointer(cuda_emulation::shared_offset(row, place), 16, place);
  emulated::LdMatrix mine;
  std::memcpy(mine.row, row, 16);
  mine.out = out;
  cuda_emulation::warp_collective(cuda_emulation::kFullWarp, "ldmatrix", place, &mine, emulated::ldmatrix_x4);
#else
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(shared_address(row))
               : "memory");
#endif
}

/// c (16x8 floats, 4 a lane) += a (16x16 halves, row-major) * b (16x8 halves, column-major); Turing takes two steps.
SHOWTELL_DEVICE void mma_m16n8k16(float* c, const unsigned* a, unsigned b0, unsigned b1 SHOWTELL_CALLER) {
#if defined(CUDA_EMULATION)
  const unsigned b[2] = {b0, b1};
  emulated::Mma mine{a, b, c};
  cuda_emulation::warp_collective(cuda_emulation::kFullWarp, "mma", place, &mine, emulated::mma_m16n8k16);
#elif __CUDA_ARCH__ >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
  asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(b0));
  asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[2]), "r"(a[3]), "r"(b1));
#endif
}

}  // namespace showtell::cuda

#include "cuda/wgmma.h"
