// What the stand-in for cuDNN keeps behind its descriptors, and the layout of its weights: gaps between the matrices,
// the last layer first, biases before matrices, so that whoever assumes a layout in place of asking for it is wrong.
#pragma once

#include <vector>

#include "cuda/cudnn.h"

namespace showtell::cuda {

struct CudnnContext {
  cudaStream_t stream = nullptr;
};
struct TensorDescriptorContents {
  CudnnDataType type = CudnnDataType::float32;
  std::vector<int> sizes, strides;
};
struct DropoutDescriptorContents {
  float rate = -1;
};
struct RnnDescriptorContents {
  CudnnDataType type = CudnnDataType::float32;
  CudnnMath math = CudnnMath::standard;
  Index input_size = 0, hidden = 0, layers = 0;
  bool padded_io = false;

  Index input_of(Index layer) const { return layer == 0 ? input_size : hidden; }
};
struct RnnDataDescriptorContents {
  CudnnDataType type = CudnnDataType::float32;
  Index steps = 0, batch = 0, width = 0;
};

namespace cudnn_stand_in {

constexpr CudnnStatus kBadParameter{2000}, kNotSupported{3000};
constexpr int kGates = 4, kParts = 2 * kGates;
constexpr Index kGap = 3;  // numbers between two arrays

inline Index bytes_of(CudnnDataType type) { return type == CudnnDataType::float16 ? 2 : 4; }

/// Where part `part` of a layer lies, in numbers from the start of the weights.
struct PartPlace {
  Index bias, matrix, inputs;
};
inline PartPlace place_of(const RnnDescriptorContents& rnn, Index layer, int part) {
  Index at = kGap;
  for (Index other = rnn.layers - 1; other >= 0; --other) {
    for (int index = kParts - 1; index >= 0; --index) {
      const Index inputs = index < kGates ? rnn.input_of(other) : rnn.hidden;
      const PartPlace place{at, at + rnn.hidden + kGap, inputs};
      if (other == layer && index == part) return place;
      at = place.matrix + inputs * rnn.hidden + kGap;
    }
  }
  return {at, at, 0};  // behind the last one
}
inline Index weight_bytes(const RnnDescriptorContents& rnn) { return place_of(rnn, -1, 0).bias * bytes_of(rnn.type); }

/// Numbers that one layer keeps for the way back: gates, cells with that before the first step, outputs likewise.
inline Index reserve_floats(const RnnDescriptorContents& rnn, Index steps, Index batch) {
  return kGates * steps * batch * rnn.hidden + 2 * (steps + 1) * batch * rnn.hidden;
}

}  // namespace cudnn_stand_in
}  // namespace showtell::cuda
