// Everything that CUDA leaves undefined ends the process with one line. Each case runs in a child process.
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "emulation/device_array.h"

using namespace device_test;
using namespace showtell::cuda;

namespace {

/// What the child printed on its standard error, where it ended with the status of a failure; else what it did instead.
std::string failure_of(const std::function<void()>& body) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    body();
    cudaDeviceSynchronize();
    std::_Exit(0);
  }
  close(ends[1]);
  std::string text;
  char piece[512];
  for (ssize_t n; (n = read(ends[0], piece, sizeof piece)) > 0;) text.append(piece, static_cast<std::size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  const bool failed = WIFEXITED(status) && WEXITSTATUS(status) == cuda_emulation::kFailureStatus;
  return (failed ? "" : "status " + std::to_string(status) + ": ") + text;
}

/// One line that begins as all failures do and says `wanted`.
bool is_line(const std::string& text, const std::string& wanted) {
  const bool right = text.rfind("cuda emulation: ", 0) == 0 && text.find(wanted) != std::string::npos &&
                     text.find('\n') == text.size() - 1;
  if (!right) std::printf("  received: %s\n", text.c_str());
  return right;
}

#define CHECK_FAILS(wanted, ...) CHECK(is_line(failure_of([&] __VA_ARGS__), wanted))

void run(void (*kernel)(float*), dim3 grid, dim3 block, std::size_t shared = 0) {
  float* data = nullptr;
  CHECK_CUDA(cudaMalloc(&data, 1024 * sizeof(float)));
  CHECK_CUDA(launch(kernel, grid, block, shared, nullptr, data));
  CHECK_CUDA(cudaDeviceSynchronize());
}

void two_barriers(float*) {
  if (threadIdx.x < 32)
    __syncthreads();
  else
    __syncthreads();
}

}  // namespace

TEST(a_right_kernel_ends_well) {
  const std::string text = failure_of([] {
    run(
        +[](float* p) { p[threadIdx.x] = 1; }, 1, 64);
  });
  CHECK(text == "status 0: ");
}

TEST(warp_operations_name_exactly_their_lanes) {
  CHECK_FAILS("a shuffle reads lane 20, which the mask 0000ffff leaves out", {
    run(
        +[](float* p) {
          if (threadIdx.x < 16) p[threadIdx.x] = __shfl_sync(0xffffu, 1.0f, 20);
        },
        1, 32);
  });
  CHECK_FAILS("shuffle by lane 16, which its own mask 0000ffff leaves out", {
    run(
        +[](float* p) { p[threadIdx.x] = __shfl_sync(0xffffu, 1.0f, 3); }, 1, 32);
  });
  CHECK_FAILS("more than 8 masks", {
    run(
        +[](float*) { __syncwarp(0x10001u << (threadIdx.x & 15)); }, 1, 32);
  });
  CHECK_FAILS("deadlock: 16 threads wait, 16 of them at this __syncwarp", {
    run(
        +[](float*) {
          if (threadIdx.x < 16) __syncwarp();
        },
        1, 32);
  });
}

TEST(barriers_are_met_by_all_threads_at_one_place) {
  CHECK_FAILS("threads diverge: __syncthreads here meets __syncthreads at", { run(two_barriers, 1, 64); });
  CHECK_FAILS("__syncthreads after 32 threads of the block have ended", {
    run(
        +[](float*) {
          if (threadIdx.x >= 32) __syncthreads();
        },
        1, 64);
  });
  CHECK_FAILS("__syncthreads waits for a thread that has ended", {
    run(
        +[](float*) {
          if (threadIdx.x < 32) __syncthreads();
        },
        1, 64);
  });
}

TEST(shared_memory_has_ends) {
  CHECK_FAILS("a block wrote past the end of a shared array, 0 bytes behind", {
    run(
        +[](float*) {
          SHARED(float, values, 8);
          volatile int past = 8;
          values[past] = 1;
        },
        1, 1);
  });
  CHECK_FAILS("is outside the block's shared memory", {
    run(
        +[](float* p) {
          DYNAMIC_SHARED(float, values);
          cp_async16(values + 64, p);
        },
        1, 1, 256);
  });
  CHECK_FAILS("is not in the block's shared memory", {
    run(
        +[](float* p) { cp_async16(p, p); }, 1, 1);
  });
  float* data = nullptr;
  CHECK_CUDA(cudaMalloc(&data, 64));
  void (*kernel)(float*) = [](float*) {};
  CHECK(launch(kernel, 1, 32, 49 << 10, nullptr, data) == cudaErrorInvalidValue);
  CHECK(allow_shared(kernel, 1 << 20) == cudaErrorInvalidValue);
  CHECK_CUDA(allow_shared(kernel, 49 << 10));
  CHECK_CUDA(launch(kernel, 1, 32, 49 << 10, nullptr, data));
  CHECK(launch(kernel, 1, 1025, 0, nullptr, data) == cudaErrorInvalidConfiguration);
  CHECK(launch(kernel, dim3(1, 70000), 1, 0, nullptr, data) == cudaErrorInvalidConfiguration);
}

TEST(asynchronous_copies_are_aligned_and_waited_for) {
  CHECK_FAILS("an address of cp.async is not a multiple of 16", {
    run(
        +[](float* p) {
          DYNAMIC_SHARED(float, values);
          cp_async16(values, p + 1);
        },
        1, 1, 256);
  });
  CHECK_FAILS("a thread ended with this asynchronous copy in flight", {
    cuda_emulation::use_schedule("late");
    run(
        +[](float* p) {
          DYNAMIC_SHARED(float, values);
          cp_async16(values, p);
          cp_async_commit();
        },
        1, 1, 256);
  });
  CHECK_FAILS("a row address of ldmatrix is not a multiple of 16", {
    run(
        +[](float*) {
          DYNAMIC_SHARED(half, values);
          unsigned out[4];
          ldmatrix_x4(out, values + 1);
        },
        1, 32, 1024);
  });
}

TEST(wgmma_is_fenced_and_waited_for) {
  CHECK_FAILS("wgmma reads shared memory that cp.async wrote without fence.proxy.async", {
    cuda_emulation::use_schedule("early");
    run(
        +[](float* p) {
          DYNAMIC_SHARED(half, tile);
          float acc[64];
          cp_async16(tile + threadIdx.x * 8, p);
          cp_async_commit();
          cp_async_wait<0>();
          __syncthreads();
          wgmma_m64n128k16(acc, wgmma_descriptor(tile), wgmma_descriptor(tile), 0);
          wgmma_commit();
          wgmma_wait<0>();
        },
        1, 128, 128 * 128);
  });
  CHECK_FAILS("a thread ended without waiting for this wgmma", {
    run(
        +[](float*) {
          DYNAMIC_SHARED(half, tile);
          float acc[64];
          wgmma_m64n128k16(acc, wgmma_descriptor(tile), wgmma_descriptor(tile), 0);
          wgmma_commit();
        },
        1, 128, 128 * 128);
  });
  CHECK_FAILS("the threads of a warpgroup give wgmma different operands", {
    run(
        +[](float*) {
          DYNAMIC_SHARED(half, tile);
          float acc[64];
          wgmma_m64n128k16(acc, wgmma_descriptor(tile), wgmma_descriptor(tile + threadIdx.x / 64 * 512), 0);
          wgmma_commit();
          wgmma_wait<0>();
        },
        1, 128, 128 * 128);
  });
  CHECK_FAILS("only wgmma descriptors with a swizzle of 128 bytes", {
    run(
        +[](float*) {
          DYNAMIC_SHARED(half, tile);
          float acc[64];
          wgmma_m64n128k16(acc, 0, 0, 0);
          wgmma_commit();
          wgmma_wait<0>();
          (void)tile;
        },
        1, 128, 128 * 128);
  });
}

TEST(device_memory_is_the_devices) {
  CHECK_FAILS("the host touches device memory", {
    float* data = nullptr;
    CHECK_CUDA(cudaMalloc(&data, 64));
    *static_cast<volatile float*>(data) = 1;
  });
  CHECK_FAILS("is outside of every device buffer", {
    run(
        +[](float* p) { static_cast<volatile float*>(p)[1024] = 1; }, 1, 1);
  });
  CHECK_FAILS("is misaligned or not to device memory", {
    run(
        +[](float*) {
          volatile std::uintptr_t wild = 16;
          *reinterpret_cast<volatile float*>(wild) = 1;
        },
        1, 1);
  });
  CHECK_FAILS("is outside of every device buffer", {
    float* data = nullptr;
    CHECK_CUDA(cudaMalloc(&data, 64));
    CHECK_CUDA(cudaFree(data));
    CHECK_CUDA(launch(
        +[](float* p) { *static_cast<volatile float*>(p) = 1; }, 1, 1, 0, nullptr, data));
    cudaDeviceSynchronize();
  });
}

TEST(overlapping_launches_wait_in_every_thread) {
  const auto overlap = [](void (*kernel)(float*)) {
    float* data = nullptr;
    CHECK_CUDA(cudaMalloc(&data, 128));
    CHECK_CUDA(launch_overlapping(kernel, 1, 32, 0, nullptr, data));
    CHECK_CUDA(cudaDeviceSynchronize());
  };
  CHECK_FAILS("ended without waiting for the kernel before it", {
    overlap(+[](float*) {
      if (threadIdx.x > 0) wait_for_predecessor();
    });
  });
  overlap(+[](float* p) {
    wait_for_predecessor();
    p[threadIdx.x] = 1;
  });
}

TEST(copies_stay_within_their_buffers) {
  static float values[64];
  float* data = nullptr;
  CHECK_CUDA(cudaMalloc(&data, 128));
  CHECK_FAILS("132 bytes run past the end of a device buffer of 128",
              { cudaMemcpy(data, values, 132, cudaMemcpyHostToDevice); });
  CHECK_FAILS("the source is device memory, the kind says host",
              { cudaMemcpy(data, data, 4, cudaMemcpyHostToDevice); });
  CHECK_FAILS("the destination is device memory, the kind says host",
              { cudaMemcpy(data, data, 4, cudaMemcpyDeviceToHost); });
  CHECK_FAILS("is not a device address", { cudaMemcpy(values, values, 4, cudaMemcpyDeviceToHost); });
  CHECK_FAILS("is in no live device buffer", {
    CHECK_CUDA(cudaFree(data));
    cudaMemset(data, 0, 4);
  });
}

#ifndef __SANITIZE_ADDRESS__  // it has its own report of a full stack
namespace {
int fill_stack(float* p, int depth) {
  volatile char room[4096];
  room[0] = static_cast<char>(depth);
  return depth == 0 ? room[0] : fill_stack(p, depth - 1) + room[0];
}
}  // namespace

TEST(a_full_stack_is_named) {
  CHECK_FAILS("a thread's stack is full", {
    run(
        +[](float* p) { p[0] = static_cast<float>(fill_stack(p, 1000)); }, 1, 1);
  });
}
#endif

TEST(unknown_words_of_a_schedule_are_refused) {
  CHECK_FAILS("received sideways", { cuda_emulation::use_schedule("sideways"); });
  CHECK_FAILS("received seed=x", { cuda_emulation::use_schedule("seed=x"); });
}

TEST_MAIN
