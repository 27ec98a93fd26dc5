#include <chrono>
#include <cstdio>
#include <functional>
#include <random>
#include <vector>
#include "ops/blas.h"
#include "ops/gemm.h"
using namespace showtell;
double best(const std::function<void()>& f) {
  double b = 1e9;
  for (int i = 0; i < 15; ++i) {
    auto t = std::chrono::steady_clock::now();
    f();
    double s = std::chrono::duration<double>(std::chrono::steady_clock::now() - t).count();
    if (s < b) b = s;
  }
  return b;
}
int main() {
  ThreadPool::shared().resize(1);
  CpuContext ctx;
  const Blas* blas = Blas::active();
  std::printf("%s %s\n", ctx.kernels.name, blas ? blas->version().c_str() : "");
  struct S { Index m, n, k; Transpose ta, tb; };
  auto N = Transpose::no, T = Transpose::yes;
  for (S s : {S{384, 1200, 300, N, N}, {384, 300, 1200, N, T}, {300, 1200, 384, T, N}, {300, 1200, 3000, T, N}, {3000, 1200, 300, N, N}, {384, 2536, 300, N, N}, {300, 2536, 384, T, N},
              {384, 300, 2536, N, T}, {32, 1200, 300, N, N}, {256, 1200, 300, N, N}, {96, 2536, 300, N, N}, {6,1200,300,N,N}, {1, 2536, 300, N, N}, {1296,512,1280,N,N}, {1280,512,1296,T,N}, {55,81,64,N,T}, {512,2048,880,T,N}}) {
    std::vector<float> a(s.m * s.k), b(s.k * s.n), c(s.m * s.n);
    std::mt19937 r(1);
    for (auto& x : a) x = float(r() % 1000) / 1000 - .5f;
    for (auto& x : b) x = float(r() % 1000) / 1000 - .5f;
    Operand A{a.data(), s.ta == N ? s.k : s.m, s.ta}, B{b.data(), s.tb == N ? s.n : s.k, s.tb};
    double flop = 2.0 * s.m * s.n * s.k;
    double own = best([&] { gemm_single(ctx.kernels, s.m, s.n, s.k, A, B, c.data(), s.n); });
    double lib = blas ? best([&] { blas->sgemm(s.m, s.n, s.k, A, B, c.data(), s.n, false); }) : 0;
    PackedMatrix p;
    p.pack(ctx, s.k, s.n, B);
    double packed = best([&] { gemm(ctx, s.m, A, p, c.data(), s.n); });
    std::printf("%5ld %5ld %5ld %d%d own %6.1f blas %6.1f packed %6.1f GF\n", s.m, s.n, s.k, s.ta == T, s.tb == T, flop / own / 1e9, flop / lib / 1e9, flop / packed / 1e9);
  }
}
