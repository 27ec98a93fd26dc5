#include "ops/gemm.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>

#include "check.h"
#include "ops/blas.h"
#include "plain.h"

using namespace showtell;

namespace {

struct Sizes {
  Index m, n, k;
};
const Sizes kSizes[] = {{1, 1, 1},    {1, 17, 3},   {2, 31, 5},     {7, 16, 64},  {13, 33, 321},
                        {12, 32, 16}, {97, 50, 7},  {64, 129, 643}, {5, 1600, 9}, {3, 8, 0},
                        {11, 95, 31}, {25, 64, 48}, {9, 253, 20}};  // the last: rows 256 apart

/// Runs `body(kernels)` for every instruction set of this processor.
template <typename Body>
void for_kernel_sets(const Body& body) {
  for (const Kernels* const* set = runnable_kernels(); *set != nullptr; ++set) body(**set);
}

/// Stored with a stride larger than the row, in either orientation.
struct Matrix {
  plain::Floats data;
  Operand operand;
  Matrix(Index rows, Index columns, Transpose transpose, unsigned seed) {
    const Index stored_rows = transpose == Transpose::no ? rows : columns;
    const Index stride = (transpose == Transpose::no ? columns : rows) + 3;
    data = plain::random(std::max<Index>(1, stored_rows * stride), seed);
    operand = {data.data(), stride, transpose};
  }
  float operator()(Index row, Index column) const {
    const Index at = operand.transpose == Transpose::no ? row * operand.stride + column : column * operand.stride + row;
    return data[static_cast<std::size_t>(at)];
  }
};

}  // namespace

TEST(every_kernel_set_multiplies_odd_sizes_in_all_orientations) {
  for_kernel_sets([](const Kernels& set) {
    for (const auto& [m, n, k] : kSizes) {
      for (const auto left : {Transpose::no, Transpose::yes}) {
        for (const auto right : {Transpose::no, Transpose::yes}) {
          const Matrix a(m, k, left, 1), b(k, n, right, 2);
          const auto wanted = plain::product(m, n, k, a, b);
          plain::Floats c(static_cast<std::size_t>(m * n), 0.5f);
          gemm_single(set, m, n, k, a.operand, b.operand, c.data(), n);
          CHECK(plain::distance(c, wanted, c.size()) < 2e-6);
          gemm_single(set, m, n, k, a.operand, b.operand, c.data(), n, true);
          for (auto& value : c) value /= 2;
          CHECK(plain::distance(c, wanted, c.size()) < 2e-6);
        }
      }
    }
  });
}

TEST(packed_products_equal_unpacked_ones_bit_for_bit) {
  for_kernel_sets([](const Kernels& set) {
    CpuContext context{ThreadPool::shared(), set, {}};
    for (const auto& [m, n, k] : kSizes) {
      const Matrix a(m, k, Transpose::no, 3), b(k, n, Transpose::yes, 4);
      PackedMatrix packed;
      packed.pack(context, k, n, b.operand);
      plain::Floats c(static_cast<std::size_t>(m * n)), d = c;
      if (k == 0) continue;
      gemm_single(set, m, n, k, a.operand, b.operand, c.data(), n);
      gemm(context, m, a.operand, packed, {}, d.data(), n);
      CHECK(c == d);
    }
  });
}

TEST(a_row_does_not_depend_on_the_rows_beside_it_or_on_threads) {
  CpuContext context;
  const Index n = 700, k = 333, m = 450;
  const Matrix a(m, k, Transpose::no, 5), b(k, n, Transpose::no, 6);
  PackedMatrix packed;
  packed.pack(context, k, n, b.operand);
  plain::Floats all(static_cast<std::size_t>(m * n)), one(static_cast<std::size_t>(n));
  for (const int threads : {1, 2, 3}) {
    context.pool.resize(threads);
    gemm(context, m, a.operand, packed, {}, all.data(), n);
    for (const Index row : {Index{0}, Index{77}, m - 1}) {
      gemm(context, 1, {a.operand.data + row * a.operand.stride, a.operand.stride}, packed, {}, one.data(), n);
      CHECK(std::memcmp(one.data(), all.data() + row * n, one.size() * sizeof(float)) == 0);
    }
  }
}

TEST(addends_are_added_before_the_product_and_may_be_one_row_for_all) {
  for_kernel_sets([](const Kernels& set) {
    CpuContext context{ThreadPool::shared(), set, {}};
    for (const auto& [m, n, k] : kSizes) {
      if (k == 0) continue;
      const Matrix a(m, k, Transpose::no, 9), b(k, n, Transpose::no, 10);
      const auto product = plain::product(m, n, k, a, b);
      const plain::Floats row = plain::random(n, 11), matrix = plain::random(m * n, 12);
      PackedMatrix packed;
      packed.pack(context, k, n, b.operand);
      const auto check = [&](const plain::Floats& addend, Index stride, plain::Floats c) {
        gemm(context, m, a.operand, packed, {stride == 0 ? addend.data() : c.data(), stride}, c.data(), n);
        auto wanted = product;
        for (Index i = 0; i < m; ++i) {
          for (Index j = 0; j < n; ++j) {
            wanted[static_cast<std::size_t>(i * n + j)] += addend[static_cast<std::size_t>(i * stride + j)];
          }
        }
        CHECK(plain::distance(c, wanted, c.size()) < 2e-6);
      };
      check(row, 0, plain::Floats(matrix.size(), 3.0f));
      check(matrix, n, matrix);
    }
  });
}

TEST(large_products_agree_whatever_multiplies_them) {
  CpuContext context;
  context.pool.resize(2);
  const Index m = 300, n = 530, k = 410;
  for (const auto right : {Transpose::no, Transpose::yes}) {
    const Matrix a(m, k, Transpose::yes, 7), b(k, n, right, 8);
    const auto wanted = plain::product(m, n, k, a, b);
    plain::Floats c(static_cast<std::size_t>(m * n));
    gemm(context, m, n, k, a.operand, b.operand, c.data(), n);
    CHECK(plain::distance(c, wanted, c.size()) < 2e-6);
  }
}

TEST(a_library_that_is_not_there_is_an_error_with_a_sentence) {
  CHECK_THROWS(Blas::open("/nowhere/libblas.so"), ErrorCode::unavailable);
  CHECK((Blas::active() != nullptr) == Blas::absence().empty());
}

#if defined(__linux__)
TEST(a_library_starts_no_threads_whichever_thread_calls_it) {
  std::optional<Blas> library;
  try {
    library = Blas::open("libopenblas.so.0");
  } catch (const Error&) {
    return;  // none to be tested
  }
  const auto threads = [] {
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    return std::distance(begin(tasks), end(tasks));
  };
  const auto before = threads();
  std::thread([&] {
    const Matrix a(300, 300, Transpose::no, 15);
    plain::Floats c(300 * 300);
    library->sgemm(300, 300, 300, a.operand, a.operand, c.data(), 300, false);
    CHECK(threads() == before + 1);
  }).join();
}
#endif

TEST(a_library_with_narrower_vectors_than_ours_is_left_alone) {
  CHECK(uses_avx512("SkylakeX") && uses_avx512("Cooperlake") && uses_avx512("SAPPHIRERAPIDS"));
  CHECK(!uses_avx512("Haswell") && !uses_avx512("Zen") && !uses_avx512(""));
  const char* chosen = std::getenv("SHOWTELL_BLAS");
  if (chosen != nullptr || std::string(kernels().name) != "avx512") return;
  const Blas* blas = Blas::active();
  CHECK(blas == nullptr || blas->core().empty() || uses_avx512(blas->core()));
}

TEST_MAIN
