// The matrix instructions of tensor_ops.h against float64: the same tile product by ldmatrix and mma, and by wgmma.
#include <random>

#include "emulation/device_array.h"

using namespace device_test;
using namespace showtell::cuda;

namespace {

constexpr int kRows = 64, kColumns = 128, kDepth = 64;  // a tile's row: 64 halves, 128 bytes

/// The place of element (row, k) of a tile whose 16-byte pieces are swizzled by the row.
__device__ int swizzled(int row, int k) { return row * kDepth + (((k / 8) ^ (row % 8)) * 8) + k % 8; }

__device__ void load_tile(half* tile, const half* from, int rows) {
  for (int i = static_cast<int>(threadIdx.x); i < rows * kDepth / 8; i += static_cast<int>(blockDim.x))
    cp_async16(tile + swizzled(i / 8, i % 8 * 8), from + i * 8);
}

/// Warp w makes rows 16w to 16w + 15.
__global__ void multiply_by_mma(const half* a, const half* b, float* c) {
  DYNAMIC_SHARED(half, tiles);
  half *tile_a = tiles, *tile_b = tiles + kRows * kDepth;
  load_tile(tile_a, a, kRows);
  load_tile(tile_b, b, kColumns);
  cp_async_commit();
  cp_async_wait<0>();
  __syncthreads();
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  for (int n = 0; n < kColumns; n += 16) {
    float sums[2][4] = {};
    for (int k = 0; k < kDepth; k += 16) {
      unsigned fragment_a[4], fragment_b[4];
      ldmatrix_x4(fragment_a, tile_a + swizzled(warp * 16 + lane % 16, k + lane / 16 * 8));
      ldmatrix_x4(fragment_b, tile_b + swizzled(n + lane % 8 + lane / 16 * 8, k + lane / 8 % 2 * 8));
      mma_m16n8k16(sums[0], fragment_a, fragment_b[0], fragment_b[1]);
      mma_m16n8k16(sums[1], fragment_a, fragment_b[2], fragment_b[3]);
    }
    for (int i = 0; i < 8; ++i) {
      const int row = warp * 16 + lane / 4 + i % 4 / 2 * 8, column = n + i / 4 * 8 + lane % 4 * 2 + i % 2;
      c[row * kColumns + column] = sums[i / 4][i % 4];
    }
  }
}

__global__ void multiply_by_wgmma(const half* a, const half* b, float* c) {
  DYNAMIC_SHARED(half, tiles);
  half *tile_a = tiles, *tile_b = tiles + kRows * kDepth;
  load_tile(tile_a, a, kRows);
  load_tile(tile_b, b, kColumns);
  cp_async_commit();
  cp_async_wait<0>();
  fence_proxy_async();
  __syncthreads();
  float acc[64];
  wgmma_fence();
  for (int k = 0; k < kDepth; k += 16)
    wgmma_m64n128k16(acc, wgmma_descriptor(tile_a + k), wgmma_descriptor(tile_b + k), k > 0);
  wgmma_commit();
  wgmma_wait<0>();
  const int t = static_cast<int>(threadIdx.x);
  for (int i = 0; i < 64; ++i) {
    const int row = t / 32 * 16 + t % 32 / 4 + i % 4 / 2 * 8, column = i / 4 * 8 + t % 4 * 2 + i % 2;
    c[row * kColumns + column] = acc[i];
  }
}

__global__ void copy_four_of_eight(const float* from, float* to) {
  DYNAMIC_SHARED(float, stage);
  cp_async16_zfill(stage, from, 16);
  cp_async16_zfill(stage + 4, from, 0);
  cp_async_commit();
  cp_async_wait<0>();
  for (int i = 0; i < 8; ++i) to[i] = stage[i];
}

std::vector<half> random_halves(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<half> values(size);
  for (half& value : values) value = __float2half(static_cast<float>(random() % 2001) * 1e-3f - 1);
  return values;
}

double worst_error(void (*kernel)(const half*, const half*, float*), const char* schedule) {
  cuda_emulation::use_schedule(schedule);
  const auto a = random_halves(kRows * kDepth, 1), b = random_halves(kColumns * kDepth, 2);
  const DeviceArray<half> device_a(a), device_b(b);
  const DeviceArray<float> out(kRows * kColumns);
  const std::size_t shared = (kRows + kColumns) * kDepth * sizeof(half);
  CHECK_CUDA(launch(kernel, 1, 128, shared, nullptr, static_cast<const half*>(device_a.data()),
                    static_cast<const half*>(device_b.data()), out.data()));
  const auto c = out.read();
  cuda_emulation::use_schedule("");
  double worst = 0;
  for (std::size_t i = 0; i < c.size(); ++i) {
    double sum = 0;
    for (std::size_t k = 0; k < kDepth; ++k)
      sum +=
          static_cast<double>(__half2float(a[i / kColumns * kDepth + k])) * __half2float(b[i % kColumns * kDepth + k]);
    const double error = std::fabs(sum - c[i]);
    if (error > worst || std::isnan(error)) worst = error;  // and stays NaN
  }
  return worst;
}

}  // namespace

TEST(mma_and_ldmatrix_make_the_product) {
  for (const char* schedule : {"forward late", "backward early", "random seed=1", "random seed=2"})
    CHECK(worst_error(multiply_by_mma, schedule) < 1e-5);
}

TEST(wgmma_makes_the_product) {
  int major = 0, minor = 0;
  CHECK_CUDA(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0));
  CHECK_CUDA(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, 0));
  if (major * 10 + minor != kWgmmaCapability) return;  // its code would trap there
  for (const char* schedule : {"forward late", "backward early", "random seed=1", "random seed=2"})
    CHECK(worst_error(multiply_by_wgmma, schedule) < 1e-5);
}

TEST(short_copies_are_filled_with_zeros) {
  const DeviceArray<float> in(std::vector<float>{1, 2, 3, 4}), out(8);
  CHECK_CUDA(launch(copy_four_of_eight, 1, 1, 64, nullptr, static_cast<const float*>(in.data()), out.data()));
  CHECK((out.read() == std::vector<float>{1, 2, 3, 4, 0, 0, 0, 0}));
}

TEST(half_precision_rounds_to_nearest_even) {
  CHECK(__half2float(__float2half(1.0f + 0x1p-11f)) == 1.0f);            // a tie, to even
  CHECK(__half2float(__float2half(1.0f + 0x3p-11f)) == 1.0f + 0x1p-9f);  // a tie, up to even
  CHECK(__half2float(__float2half(65519.0f)) == 65504.0f);
  CHECK(std::isinf(__half2float(__float2half(65520.0f))));
  CHECK(__half2float(__float2half(0x1p-24f)) == 0x1p-24f);  // the smallest subnormal
  CHECK(std::isnan(__half2float(__float2half(NAN))));
  for (unsigned bits = 0; bits < 0x7c00; ++bits) {
    const half value = __ushort_as_half(static_cast<unsigned short>(bits));
    if (__half_as_ushort(__float2half(__half2float(value))) != bits) CHECK(!"a half survives the way through float");
  }
}

TEST_MAIN
