#include "cuda/gemm.h"

namespace showtell::cuda {

namespace {

constexpr Index kWorkspaceBytes = Index{32} << 20;  // what NVIDIA recommends for Hopper

void check_library(CublasStatus status, const char* doing) {
  if (status == CublasStatus::success) return;
  if (status == CublasStatus::allocation_failed) throw to_error(cudaErrorMemoryAllocation, doing);
  throw Error(ErrorCode::unavailable, std::string("cuBLASLt failed (status ") +
                                          std::to_string(static_cast<int>(status)) + ") while " + doing + ".");
}

/// The largest power of two up to 256, which the library takes for granted, that divides the address.
std::uint32_t alignment_of(const void* pointer) {
  const auto address = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(pointer) & 0xff) | 0x100u;
  return address & (~address + 1);
}

/// Of the process: handles may be shared by threads.
CublasHandle handle_of(const CublasLt& library) {
  static const CublasHandle handle = [&] {
    CublasHandle created = nullptr;
    check_library(library.create(&created), "starting");
    return created;
  }();
  return handle;
}

}  // namespace

// A row-major matrix is the transpose of a column-major one: c^T = b^T a^T, so the library's first operand is our b.
struct Gemm::Shape {
  Index m, n, k, a_stride, b_stride, c_stride;
  bool a_transposed, b_transposed;
  CudaDataType in, out;
  std::uint32_t a_alignment = 0, b_alignment = 0, c_alignment = 0;  // in bytes, of where the matrices begin

  auto tie() const {
    return std::tie(m, n, k, a_stride, b_stride, c_stride, a_transposed, b_transposed, in, out, a_alignment,
                    b_alignment, c_alignment);
  }
  bool operator<(const Shape& other) const { return tie() < other.tie(); }
};

struct Gemm::Plan {
  const CublasLt& library;
  MatmulDescription description = nullptr;
  MatrixLayout a = nullptr, b = nullptr, c = nullptr;
  MatmulAlgorithm algorithm = {};

  Plan(const CublasLt& library_, const Shape& shape, CublasCompute compute) : library(library_) {
    try {
      describe(shape, compute);
      choose_algorithm(shape);
    } catch (...) {
      destroy();
      throw;
    }
  }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
  ~Plan() { destroy(); }

 private:
  void describe(const Shape& shape, CublasCompute compute) {
    check_library(library.matmul_description_create(&description, compute, CudaDataType::float32), "describing");
    const auto set_transpose = [&](MatmulAttribute attribute, bool transposed) {
      const auto operation = transposed ? CublasOperation::transpose : CublasOperation::none;
      check_library(library.matmul_description_set(description, attribute, &operation, sizeof operation), "describing");
    };
    set_transpose(MatmulAttribute::transpose_a, shape.b_transposed);
    set_transpose(MatmulAttribute::transpose_b, shape.a_transposed);
    const auto describe_stored = [&](MatrixLayout* layout, CudaDataType type, Index rows, Index columns, Index stride) {
      // As stored row by row [rows, columns]: column-major [columns, rows].
      check_library(library.layout_create(layout, type, static_cast<std::uint64_t>(columns),
                                          static_cast<std::uint64_t>(rows), stride),
                    "describing");
    };
    describe_stored(&a, shape.in, shape.a_transposed ? shape.k : shape.m, shape.a_transposed ? shape.m : shape.k,
                    shape.a_stride);
    describe_stored(&b, shape.in, shape.b_transposed ? shape.n : shape.k, shape.b_transposed ? shape.k : shape.n,
                    shape.b_stride);
    describe_stored(&c, shape.out, shape.m, shape.n, shape.c_stride);
  }

  void choose_algorithm(const Shape& shape) {
    MatmulPreference preference = nullptr;
    check_library(library.preference_create(&preference), "choosing an algorithm");
    CublasStatus status = CublasStatus::success;
    const auto prefer = [&](PreferenceAttribute attribute, auto value) {
      if (status == CublasStatus::success) status = library.preference_set(preference, attribute, &value, sizeof value);
    };
    prefer(PreferenceAttribute::max_workspace_bytes, static_cast<std::size_t>(kWorkspaceBytes));
    prefer(PreferenceAttribute::alignment_a, shape.b_alignment);
    prefer(PreferenceAttribute::alignment_b, shape.a_alignment);
    prefer(PreferenceAttribute::alignment_c, shape.c_alignment);
    prefer(PreferenceAttribute::alignment_d, shape.c_alignment);
    MatmulHeuristic best = {};
    int found = 0;
    if (status == CublasStatus::success) {
      status = library.get_heuristic(handle_of(library), description, b, a, c, c, preference, 1, &best, &found);
    }
    (void)library.preference_destroy(preference);
    check_library(found > 0 ? best.state : status, "choosing an algorithm");
    if (found == 0) throw Error(ErrorCode::unavailable, "cuBLASLt has no algorithm for this product.");
    algorithm = best.algorithm;
  }

  void destroy() {
    if (a != nullptr) (void)library.layout_destroy(a);
    if (b != nullptr) (void)library.layout_destroy(b);
    if (c != nullptr) (void)library.layout_destroy(c);
    if (description != nullptr) (void)library.matmul_description_destroy(description);
  }
};

Gemm::Gemm(bool tf32)
    : library_(cublaslt()),
      float_compute_(tf32 ? CublasCompute::float32_fast_tf32 : CublasCompute::float32),
      workspace_(kWorkspaceBytes) {}

Gemm::~Gemm() = default;

const Gemm::Plan& Gemm::plan_of(const Shape& shape) const {
  const auto found = plans_.find(shape);
  if (found != plans_.end()) return found->second;
  const CublasCompute compute = shape.in == CudaDataType::float32 ? float_compute_ : CublasCompute::float32;
  return plans_.try_emplace(shape, library_, shape, compute).first->second;
}

void Gemm::run(cudaStream_t stream, Shape shape, const void* a, const void* b, void* c, bool accumulate) const {
  if (shape.m == 0 || shape.n == 0) return;
  shape.a_alignment = alignment_of(a);
  shape.b_alignment = alignment_of(b);
  shape.c_alignment = alignment_of(c);
  const Plan& plan = plan_of(shape);
  const float alpha = 1, beta = accumulate ? 1 : 0;
  check_library(
      library_.matmul(handle_of(library_), plan.description, &alpha, b, plan.b, a, plan.a, &beta, c, plan.c, c, plan.c,
                      &plan.algorithm, workspace_.data(), static_cast<std::size_t>(kWorkspaceBytes), stream),
      "multiplying");
}

void Gemm::operator()(cudaStream_t stream, Index m, Index n, Index k, GemmOperand<float> a, GemmOperand<float> b,
                      float* c, Index c_stride, bool accumulate) const {
  const auto type = CudaDataType::float32;
  run(stream, {m, n, k, a.stride, b.stride, c_stride, a.transposed, b.transposed, type, type}, a.data, b.data, c,
      accumulate);
}

void Gemm::operator()(cudaStream_t stream, Index m, Index n, Index k, GemmOperand<half> a, GemmOperand<half> b, half* c,
                      Index c_stride, bool accumulate) const {
  const auto type = CudaDataType::float16;
  run(stream, {m, n, k, a.stride, b.stride, c_stride, a.transposed, b.transposed, type, type}, a.data, b.data, c,
      accumulate);
}

void Gemm::operator()(cudaStream_t stream, Index m, Index n, Index k, GemmOperand<half> a, GemmOperand<half> b,
                      float* c, Index c_stride, bool accumulate) const {
  run(stream,
      {m, n, k, a.stride, b.stride, c_stride, a.transposed, b.transposed, CudaDataType::float16, CudaDataType::float32},
      a.data, b.data, c, accumulate);
}

}  // namespace showtell::cuda
