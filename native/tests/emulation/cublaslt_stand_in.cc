// cuBLASLt for the emulation: the functions that Showtell calls, with their meaning (column-major matrices, leading
// dimensions, transposes), as one node of the stream that multiplies on the host. What it does not do is refused, as are
// pointers less aligned than the algorithm was chosen for.
#include <algorithm>
#include <vector>

#include "cuda/cublaslt.h"
#include "emulation/cuda_emulation.h"

namespace showtell::cuda {

struct CublasContext {};
struct MatmulDescriptionContents {
  CublasCompute compute;
  CublasOperation a = CublasOperation::none, b = CublasOperation::none;
};
struct MatrixLayoutContents {
  CudaDataType type;
  Index rows, columns, stride;
};
struct MatmulPreferenceContents {
  std::uint32_t alignments[4] = {256, 256, 256, 256};  // of a, b, c, d
};

namespace {

constexpr CublasStatus kInvalidValue{7}, kNotSupported{15};
constexpr std::uint64_t kAlgorithm = 0x5107e11;

CublasStatus create(CublasHandle* handle) {
  static CublasContext context;
  *handle = &context;
  return CublasStatus::success;
}
std::size_t get_version() { return 130000; }

CublasStatus description_create(MatmulDescription* description, CublasCompute compute, CudaDataType scale) {
  if (scale != CudaDataType::float32) return kNotSupported;
  *description = new MatmulDescriptionContents{compute};
  return CublasStatus::success;
}
CublasStatus description_set(MatmulDescription description, MatmulAttribute attribute, const void* value,
                             std::size_t bytes) {
  if (bytes != sizeof(CublasOperation)) return kInvalidValue;
  CublasOperation& to = attribute == MatmulAttribute::transpose_a ? description->a : description->b;
  std::memcpy(&to, value, bytes);
  return CublasStatus::success;
}
CublasStatus description_destroy(MatmulDescription description) {
  delete description;
  return CublasStatus::success;
}

CublasStatus layout_create(MatrixLayout* layout, CudaDataType type, std::uint64_t rows, std::uint64_t columns,
                           std::int64_t stride) {
  if (stride < static_cast<Index>(rows)) return kInvalidValue;
  *layout = new MatrixLayoutContents{type, static_cast<Index>(rows), static_cast<Index>(columns), stride};
  return CublasStatus::success;
}
CublasStatus layout_destroy(MatrixLayout layout) {
  delete layout;
  return CublasStatus::success;
}

CublasStatus preference_create(MatmulPreference* preference) {
  *preference = new MatmulPreferenceContents;
  return CublasStatus::success;
}
CublasStatus preference_set(MatmulPreference preference, PreferenceAttribute attribute, const void* value,
                            std::size_t bytes) {
  if (attribute == PreferenceAttribute::max_workspace_bytes)
    return bytes == sizeof(std::size_t) ? CublasStatus::success : kInvalidValue;
  if (bytes != sizeof(std::uint32_t)) return kInvalidValue;
  const auto at = static_cast<int>(attribute) - static_cast<int>(PreferenceAttribute::alignment_a);
  std::memcpy(&preference->alignments[at], value, bytes);
  return CublasStatus::success;
}
CublasStatus preference_destroy(MatmulPreference preference) {
  delete preference;
  return CublasStatus::success;
}

struct Extents {
  Index m, n, k;
};

bool fits(MatmulDescription description, MatrixLayout a, MatrixLayout b, MatrixLayout c, Extents& extents) {
  const auto turned = [](CublasOperation operation) { return operation == CublasOperation::transpose; };
  extents.m = turned(description->a) ? a->columns : a->rows;
  extents.k = turned(description->a) ? a->rows : a->columns;
  extents.n = turned(description->b) ? b->rows : b->columns;
  const Index depth = turned(description->b) ? b->columns : b->rows;
  return depth == extents.k && c->rows == extents.m && c->columns == extents.n && a->type == b->type;
}

CublasStatus get_heuristic(CublasHandle, MatmulDescription description, MatrixLayout a, MatrixLayout b, MatrixLayout c,
                           MatrixLayout d, MatmulPreference preference, int, MatmulHeuristic* out, int* found) {
  Extents extents;
  if (c != d || !fits(description, a, b, c, extents)) return kInvalidValue;
  *out = {};
  out->algorithm.data[0] = kAlgorithm;
  std::copy_n(preference->alignments, 4, out->algorithm.data + 1);
  *found = 1;
  return CublasStatus::success;
}

float load(const void* data, CudaDataType type, Index at) {
  return type == CudaDataType::float32 ? static_cast<const float*>(data)[at]
                                       : __half2float(static_cast<const half*>(data)[at]);
}

/// To 10 bits of mantissa, ties away from zero, as cvt.rna.tf32.
float round_to_tf32(float value) { return __uint_as_float((__float_as_uint(value) + 0x1000u) & 0xffffe000u); }

struct Product {
  MatmulDescriptionContents description;
  MatrixLayoutContents a_layout, b_layout, c_layout;
  Extents extents;
  const void *a, *b;
  void* c;
  float alpha, beta;
};

/// The operand as floats: `across` of them for each of k, one after the other.
std::vector<float> read(const Product& product, const MatrixLayoutContents& layout, const void* data, bool turned,
                        Index across) {
  const Index depth = product.extents.k;
  std::vector<float> values(static_cast<std::size_t>(depth * across));
  for (Index k = 0; k < depth; ++k) {
    for (Index i = 0; i < across; ++i) {
      float value = load(data, layout.type, turned ? i * layout.stride + k : k * layout.stride + i);
      if (product.description.compute == CublasCompute::float32_fast_tf32) value = round_to_tf32(value);
      values[static_cast<std::size_t>(k * across + i)] = value;
    }
  }
  return values;
}

void multiply(const Product& product) {
  const auto [m, n, k] = product.extents;
  const auto turned = [](CublasOperation operation) { return operation == CublasOperation::transpose; };
  // b's element (k, j) lies at j * stride + k unless it is turned: the other way round than a's.
  const auto a = read(product, product.a_layout, product.a, turned(product.description.a), m);
  const auto b = read(product, product.b_layout, product.b, !turned(product.description.b), n);
  std::vector<float> column(static_cast<std::size_t>(m));
  for (Index j = 0; j < n; ++j) {
    std::fill(column.begin(), column.end(), 0.0f);
    for (Index depth = 0; depth < k; ++depth) {
      const float factor = b[static_cast<std::size_t>(depth * n + j)];
      const float* values = a.data() + depth * m;
      for (Index i = 0; i < m; ++i) column[static_cast<std::size_t>(i)] += factor * values[i];
    }
    for (Index i = 0; i < m; ++i) {
      const Index at = j * product.c_layout.stride + i;
      float value = product.alpha * column[static_cast<std::size_t>(i)];
      if (product.beta != 0) value += product.beta * load(product.c, product.c_layout.type, at);
      if (product.c_layout.type == CudaDataType::float32)
        static_cast<float*>(product.c)[at] = value;
      else
        static_cast<half*>(product.c)[at] = __float2half(value);
    }
  }
}

CublasStatus matmul(CublasHandle, MatmulDescription description, const void* alpha, const void* a,
                    MatrixLayout a_layout, const void* b, MatrixLayout b_layout, const void* beta, const void* c,
                    MatrixLayout c_layout, void* d, MatrixLayout d_layout, const MatmulAlgorithm* algorithm, void*,
                    std::size_t, cudaStream_t stream) {
  Product product{*description, *a_layout, *b_layout, *c_layout, {}, a, b, d, 0, 0};
  if (c != d || algorithm->data[0] != kAlgorithm || !fits(description, a_layout, b_layout, d_layout, product.extents))
    return kInvalidValue;
  const void* const pointers[4] = {a, b, c, d};
  for (int at = 0; at < 4; ++at) {
    if (reinterpret_cast<std::uintptr_t>(pointers[at]) % algorithm->data[1 + at] != 0) return kInvalidValue;
  }
  product.alpha = *static_cast<const float*>(alpha);
  product.beta = *static_cast<const float*>(beta);
  cuda_emulation::host_node(stream, [product] { multiply(product); });
  return CublasStatus::success;
}

}  // namespace

const CublasLt& cublaslt() {
  static const auto* const library =
      new CublasLt{create,        get_version,    description_create, description_set, description_destroy,
                   layout_create, layout_destroy, preference_create,  preference_set,  preference_destroy,
                   get_heuristic, matmul,         "the emulation"};
  return *library;
}

}  // namespace showtell::cuda
