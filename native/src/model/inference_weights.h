// The decoder's weights in the order in which the kernels read them while decoding. Batch normalization with running
// statistics is an affine map before a product, so it is folded into the product's weights and bias.
#pragma once

#include <vector>

#include "model/parameters.h"
#include "ops/gemm.h"

namespace showtell {

/// x -> x weight + bias; the bias may be missing.
struct Affine {
  PackedMatrix weight;
  AlignedBuffer folded_bias;
  const float* bias = nullptr;
};

struct InferenceWeights {
  InferenceWeights() = default;
  InferenceWeights(CpuContext& context, const DecoderSpec& spec, const ParameterPointers& parameters);

  std::vector<Affine> input;            // per layer, 4H columns
  std::vector<PackedMatrix> recurrent;  // per layer
  Affine image;                         // with first-input
  Affine image_hidden, image_cell;      // with initial-state
  Affine value, attention;              // with attention, as the next two
  PackedMatrix key, query;
  PackedMatrix projection;  // of tied weights where the sizes differ
  Affine output;
};

}  // namespace showtell
