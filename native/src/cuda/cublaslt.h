// The part of cuBLASLt that we call, declared here because the toolkit may come without its headers. Names, numbers and
// layouts are those of cublasLt.h of CUDA 12 and 13, which keep them stable.
#pragma once

#include <cstdint>
#include <string>

#include "cuda/error.h"

namespace showtell::cuda {

enum class CublasStatus : int { success = 0, allocation_failed = 3 };
/// float32: never less, whatever the operands.
enum class CublasCompute : int { float32 = 68, float32_fast_tf32 = 77 };
enum class CudaDataType : int { float32 = 0, float16 = 2 };
enum class CublasOperation : std::int32_t { none = 0, transpose = 1 };
enum class MatmulAttribute : int { transpose_a = 3, transpose_b = 4 };
/// alignment_*: std::uint32_t, 256 where it is not said: algorithms that need more than a pointer has are left out.
enum class PreferenceAttribute : int {
  max_workspace_bytes = 1,
  alignment_a = 5,
  alignment_b = 6,
  alignment_c = 7,
  alignment_d = 8
};

using CublasHandle = struct CublasContext*;
using MatmulDescription = struct MatmulDescriptionContents*;
using MatrixLayout = struct MatrixLayoutContents*;
using MatmulPreference = struct MatmulPreferenceContents*;

struct MatmulAlgorithm {
  std::uint64_t data[8];
};
struct MatmulHeuristic {
  MatmulAlgorithm algorithm;
  std::size_t workspace_bytes;
  CublasStatus state;
  float waves;
  int reserved[4];
};

struct CublasLt {
  CublasStatus (*create)(CublasHandle*);
  std::size_t (*get_version)();
  CublasStatus (*matmul_description_create)(MatmulDescription*, CublasCompute, CudaDataType scale_type);
  CublasStatus (*matmul_description_set)(MatmulDescription, MatmulAttribute, const void*, std::size_t);
  CublasStatus (*matmul_description_destroy)(MatmulDescription);
  CublasStatus (*layout_create)(MatrixLayout*, CudaDataType, std::uint64_t rows, std::uint64_t columns,
                                std::int64_t stride);
  CublasStatus (*layout_destroy)(MatrixLayout);
  CublasStatus (*preference_create)(MatmulPreference*);
  CublasStatus (*preference_set)(MatmulPreference, PreferenceAttribute, const void*, std::size_t);
  CublasStatus (*preference_destroy)(MatmulPreference);
  CublasStatus (*get_heuristic)(CublasHandle, MatmulDescription, MatrixLayout a, MatrixLayout b, MatrixLayout c,
                                MatrixLayout d, MatmulPreference, int wanted, MatmulHeuristic*, int* found);
  CublasStatus (*matmul)(CublasHandle, MatmulDescription, const void* alpha, const void* a, MatrixLayout, const void* b,
                         MatrixLayout, const void* beta, const void* c, MatrixLayout, void* d, MatrixLayout,
                         const MatmulAlgorithm*, void* workspace, std::size_t workspace_bytes, cudaStream_t);
  std::string path;
};

/// Opens the library. Throws an unavailable error that says what is missing.
CublasLt load_cublaslt();
/// The library of this process, opened once; in the emulation a stand-in that multiplies on the host.
const CublasLt& cublaslt();

/// "13.0.2": cublasLtGetVersion's number as people write it.
std::string version_of(const CublasLt& library);

}  // namespace showtell::cuda
