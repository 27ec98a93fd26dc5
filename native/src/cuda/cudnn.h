// The part of cuDNN that we call, declared here because the toolkit comes without its headers. Names, numbers and
// layouts are those of cudnn_graph.h, cudnn_ops.h and cudnn_adv.h of version 9.
#pragma once

#include <cstdint>
#include <string>

#include "cuda/error.h"

namespace showtell::cuda {

enum class CudnnStatus : int { success = 0, device_allocation_failed = 4004 };
enum class CudnnDataType : int { float32 = 0, float16 = 2 };
/// standard: tf32 for float32. tensor_cores: for float16. fma: true float32.
enum class CudnnMath : int { standard = 0, tensor_cores = 1, fma = 3 };
enum class CudnnPass : int { inference = 0, training = 1 };
enum class RnnAlgorithm : int { standard = 0 };
enum class RnnCell : int { lstm = 2 };
enum class RnnBias : int { two = 2 };
enum class RnnDirection : int { forward = 0 };
enum class RnnInput : int { linear = 0 };
enum class RnnDataLayout : int { time_major = 0 };  // [steps, batch, vector], every sequence to the end
enum class WeightGradient : int { add = 0 };
constexpr std::uint32_t kRnnPaddedIo = 1;

using CudnnHandle = struct CudnnContext*;
using TensorDescriptor = struct TensorDescriptorContents*;
using DropoutDescriptor = struct DropoutDescriptorContents*;
using RnnDescriptor = struct RnnDescriptorContents*;
using RnnDataDescriptor = struct RnnDataDescriptorContents*;

struct Cudnn {
  CudnnStatus (*create)(CudnnHandle*);
  CudnnStatus (*destroy)(CudnnHandle);
  CudnnStatus (*set_stream)(CudnnHandle, cudaStream_t);
  std::size_t (*get_version)();
  CudnnStatus (*check_rnn_version)();
  const char* (*error_string)(CudnnStatus);
  CudnnStatus (*tensor_create)(TensorDescriptor*);
  CudnnStatus (*tensor_destroy)(TensorDescriptor);
  CudnnStatus (*tensor_set)(TensorDescriptor, CudnnDataType, int dimensions, const int* sizes, const int* strides);
  CudnnStatus (*tensor_get)(TensorDescriptor, int wanted, CudnnDataType*, int* dimensions, int* sizes, int* strides);
  CudnnStatus (*dropout_create)(DropoutDescriptor*);
  CudnnStatus (*dropout_destroy)(DropoutDescriptor);
  CudnnStatus (*dropout_set)(DropoutDescriptor, CudnnHandle, float rate, void* states, std::size_t bytes,
                             unsigned long long seed);
  CudnnStatus (*rnn_create)(RnnDescriptor*);
  CudnnStatus (*rnn_destroy)(RnnDescriptor);
  CudnnStatus (*rnn_set)(RnnDescriptor, RnnAlgorithm, RnnCell, RnnBias, RnnDirection, RnnInput, CudnnDataType data,
                         CudnnDataType math_precision, CudnnMath, std::int32_t input_size, std::int32_t hidden_size,
                         std::int32_t projection_size, std::int32_t layers, DropoutDescriptor, std::uint32_t flags);
  CudnnStatus (*data_create)(RnnDataDescriptor*);
  CudnnStatus (*data_destroy)(RnnDataDescriptor);
  CudnnStatus (*data_set)(RnnDataDescriptor, CudnnDataType, RnnDataLayout, int steps, int batch, int vector_size,
                          const int* lengths, void* padding_fill);
  CudnnStatus (*temporary_space)(CudnnHandle, RnnDescriptor, CudnnPass, RnnDataDescriptor x,
                                 std::size_t* workspace_bytes, std::size_t* reserve_bytes);
  CudnnStatus (*weight_space)(CudnnHandle, RnnDescriptor, std::size_t* bytes);
  /// `part`: gates i, f, g, o of the input are 0 to 3, those of the recurrence 4 to 7.
  CudnnStatus (*find_weights)(CudnnHandle, RnnDescriptor, std::int32_t layer, std::size_t bytes, const void* weights,
                              std::int32_t part, TensorDescriptor, void** matrix, TensorDescriptor, void** bias);
  CudnnStatus (*forward)(CudnnHandle, RnnDescriptor, CudnnPass, const std::int32_t* lengths, RnnDataDescriptor,
                         const void* x, RnnDataDescriptor, void* y, TensorDescriptor, const void* hidden,
                         void* last_hidden, TensorDescriptor, const void* cell, void* last_cell,
                         std::size_t weight_bytes, const void* weights, std::size_t workspace_bytes, void* workspace,
                         std::size_t reserve_bytes, void* reserve);
  CudnnStatus (*backward_data)(CudnnHandle, RnnDescriptor, const std::int32_t* lengths, RnnDataDescriptor,
                               const void* y, const void* y_gradient, RnnDataDescriptor, void* x_gradient,
                               TensorDescriptor, const void* hidden, const void* last_hidden_gradient,
                               void* hidden_gradient, TensorDescriptor, const void* cell,
                               const void* last_cell_gradient, void* cell_gradient, std::size_t weight_bytes,
                               const void* weights, std::size_t workspace_bytes, void* workspace,
                               std::size_t reserve_bytes, void* reserve);
  CudnnStatus (*backward_weights)(CudnnHandle, RnnDescriptor, WeightGradient, const std::int32_t* lengths,
                                  RnnDataDescriptor, const void* x, TensorDescriptor, const void* hidden,
                                  RnnDataDescriptor, const void* y, std::size_t weight_bytes, void* gradients,
                                  std::size_t workspace_bytes, void* workspace, std::size_t reserve_bytes,
                                  void* reserve);
  std::string path;
};

/// Opens the library. Throws an unavailable error that says what is missing.
Cudnn load_cudnn();
/// Lets it run a small LSTM on the device, forwards and backwards: the library opens further ones, and looks for code for
/// the device, when it is first called. Throws an unavailable error where it cannot, and memory errors.
void try_cudnn(const Cudnn& library);
/// The library of this process, looked for and tried once; null where there is none that works or SHOWTELL_CUDNN is
/// `none`. Throws an option error for another value of that variable.
const Cudnn* cudnn();
using CudnnFinder = const Cudnn* (*)();
/// Why cudnn() is null.
std::string cudnn_absence();

/// "9.28.1": cudnnGetVersion's number as people write it.
std::string version_of(const Cudnn& library);

}  // namespace showtell::cuda
