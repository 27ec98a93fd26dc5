// A decoder's parameters in the order in which the products read them.
#pragma once

#include <vector>

#include "cuda/decode/operand_buffer.h"
#include "cuda/decode/rows.h"
#include "model/parameters.h"

namespace showtell::cuda {

/// The weight of an affine map, [columns, depth], and its bias.
struct PackedMap {
  OperandBuffer weight;
  DeviceBuffer<float> bias;
  int columns = 0;
};

struct PackedLayer {
  OperandBuffer weight;                       // [gates, input | recurrent]
  DeviceBuffer<float> bias;                   // [gates]
  int input_columns = 0, hidden_columns = 0;  // padded
};

class DecoderWeights {
 public:
  /// From parameters on the device. Allocates once; later calls overwrite, so that recorded graphs stay valid.
  void pack(const DecoderSpec& spec, const ParameterPointers& parameters, Precision precision, cudaStream_t stream);
  Index bytes() const;

  PackedMap image;                                  // with first-input
  std::vector<PackedMap> image_hidden, image_cell;  // by layer, with initial-state
  std::vector<PackedLayer> layers;
  PackedMap value, key, query, attention, projection, output;
  // Input of the first layer: gates of every word (bias included), or, where that table is too large, the words.
  DeviceBuffer<float> token_gates;  // [vocab_size, gates]
  OperandBuffer words;
  bool has_token_gates = false;

 private:
  /// Number (k, n) is data[k * depth_stride + n * column_stride].
  struct StoredMatrix {
    StoredMatrix(const float* data_, Index depth_, Index columns_, Index depth_stride_ = 0, Index column_stride_ = 1)
        : data(data_),
          depth(depth_),
          columns(columns_),
          depth_stride(depth_stride_ > 0 ? depth_stride_ : columns_),
          column_stride(column_stride_) {}
    const float* data;
    Index depth, columns, depth_stride, column_stride;
  };
  void pack_part(const StoredMatrix& from, int hidden_size, OperandBuffer& to, int column_offset);
  void pack_bias(const float* bias, Index columns, int hidden_size, DeviceBuffer<float>& to);
  void pack_map(const StoredMatrix& weight, const float* bias, PackedMap& map);
  void pack_image(const DecoderSpec& spec, const ParameterPointers& parameters);
  void pack_layers(const DecoderSpec& spec, const ParameterPointers& parameters);
  void pack_words(const DecoderSpec& spec, const ParameterPointers& parameters);
  void pack_attention(const DecoderSpec& spec, const ParameterPointers& parameters);

  Precision precision_ = Precision::exact;
  cudaStream_t stream_ = nullptr;
  DeviceBuffer<int> vocab_size_;
};

/// The conversion that normalises with these parameters, or copies.
RowConversion normalization_of(const DecoderSpec& spec, const NormalizationPointers& normalization);

}  // namespace showtell::cuda
