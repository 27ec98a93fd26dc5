// The decoder's parameters: which there are, and where each lies in the flat arrays that hold values, gradients and
// moments.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "model/decoder_spec.h"

namespace showtell {

struct ParameterShape {
  std::string name;
  Index rows;  // 1 for vectors
  Index columns;
  bool trainable;
  Index offset;  // into the array of trainable values, or into that of running statistics
  Index size() const { return rows * columns; }
};

struct NormalizationPointers {
  float* gamma = nullptr;
  float* beta = nullptr;
  float* running_mean = nullptr;
  float* running_variance = nullptr;
};

struct LayerPointers {
  NormalizationPointers normalization;
  float* input_weight = nullptr;
  float* recurrent_weight = nullptr;
  float* bias = nullptr;
};

/// Null where the spec has no such parameter.
struct ParameterPointers {
  NormalizationPointers image_normalization;
  float* image_weight = nullptr;
  float* image_bias = nullptr;
  float* image_hidden_weight = nullptr;
  float* image_hidden_bias = nullptr;
  float* image_cell_weight = nullptr;
  float* image_cell_bias = nullptr;
  float* embedding = nullptr;
  std::vector<LayerPointers> layers;
  float* value_weight = nullptr;
  float* value_bias = nullptr;
  float* key_weight = nullptr;
  float* query_weight = nullptr;
  float* attention_weight = nullptr;
  float* attention_bias = nullptr;
  float* output_projection = nullptr;
  float* output_weight = nullptr;
  float* output_bias = nullptr;
};

/// Names, shapes and order are those of packages/core/src/decoder/parameter-shapes.ts.
class ParameterLayout {
 public:
  explicit ParameterLayout(const DecoderSpec& spec);
  const std::vector<ParameterShape>& shapes() const { return shapes_; }
  /// Lengths of the flat arrays; every parameter begins on a cache line, the gaps hold zeros.
  Index trainable_size() const { return trainable_size_; }
  Index statistics_size() const { return statistics_size_; }
  ParameterPointers pointers(float* trainable, float* statistics) const;

 private:
  void add(const std::string& name, Index rows, Index columns, bool trainable = true);
  void add_normalization(const std::string& prefix, Index size);

  DecoderSpec spec_;
  std::vector<ParameterShape> shapes_;
  Index trainable_size_ = 0, statistics_size_ = 0;
};

}  // namespace showtell
