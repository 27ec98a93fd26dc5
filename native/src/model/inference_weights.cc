#include "model/inference_weights.h"

#include <cmath>

namespace showtell {

namespace {

class Packer {
 public:
  Packer(CpuContext& context, const DecoderSpec& spec) : context_(context), spec_(spec) {}

  PackedMatrix pack(const float* weight, Index rows, Index columns) const {
    PackedMatrix packed;
    packed.pack(context_, rows, columns, {weight, columns});
    return packed;
  }

  Affine affine(const float* weight, const float* bias, Index rows, Index columns) const {
    Affine result;
    result.weight = pack(weight, rows, columns);
    result.bias = bias;
    return result;
  }

  /// The affine map after the normalization of its input.
  Affine normalized(const NormalizationPointers& normalization, const float* weight, const float* bias, Index rows,
                    Index columns) const {
    if (spec_.normalization != Normalization::batch) return affine(weight, bias, rows, columns);
    AlignedBuffer scaled(rows * columns);
    std::vector<double> shifted(bias, bias + columns);
    for (Index row = 0; row < rows; ++row) {
      const double scale =
          normalization.gamma[row] / std::sqrt(normalization.running_variance[row] + kBatchNormEpsilon);
      const double shift = normalization.beta[row] - normalization.running_mean[row] * scale;
      for (Index column = 0; column < columns; ++column) {
        const double value = weight[row * columns + column];
        scaled.data()[row * columns + column] = static_cast<float>(scale * value);
        shifted[static_cast<std::size_t>(column)] += shift * value;
      }
    }
    Affine result = affine(scaled.data(), nullptr, rows, columns);
    result.folded_bias = AlignedBuffer(columns);
    for (Index column = 0; column < columns; ++column) {
      result.folded_bias.data()[column] = static_cast<float>(shifted[static_cast<std::size_t>(column)]);
    }
    result.bias = result.folded_bias.data();
    return result;
  }

 private:
  CpuContext& context_;
  const DecoderSpec& spec_;
};

}  // namespace

InferenceWeights::InferenceWeights(CpuContext& context, const DecoderSpec& spec, const ParameterPointers& parameters) {
  const Packer packer(context, spec);
  const Index hidden = spec.hidden_size;
  for (Index layer = 0; layer < spec.layer_count; ++layer) {
    const LayerPointers& own = parameters.layers[static_cast<std::size_t>(layer)];
    input.push_back(
        packer.normalized(own.normalization, own.input_weight, own.bias, spec.input_size(layer), 4 * hidden));
    recurrent.push_back(packer.pack(own.recurrent_weight, hidden, 4 * hidden));
  }
  const auto from_image = [&](const float* weight, const float* bias, Index columns) {
    return packer.normalized(parameters.image_normalization, weight, bias, spec.feature_size, columns);
  };
  if (spec.image_injection == ImageInjection::first_input) {
    image = from_image(parameters.image_weight, parameters.image_bias, spec.embedding_size);
  } else {
    image_hidden = from_image(parameters.image_hidden_weight, parameters.image_hidden_bias, spec.layer_count * hidden);
    image_cell = from_image(parameters.image_cell_weight, parameters.image_cell_bias, spec.layer_count * hidden);
  }
  if (spec.has_attention) {
    const Index size = spec.attention_size;
    value = packer.affine(parameters.value_weight, parameters.value_bias, spec.grid_feature_size, size);
    key = packer.pack(parameters.key_weight, size, size);
    query = packer.pack(parameters.query_weight, hidden, size);
    attention = packer.affine(parameters.attention_weight, parameters.attention_bias, hidden + size, hidden);
  }
  if (spec.has_output_projection()) projection = packer.pack(parameters.output_projection, hidden, spec.embedding_size);
  if (spec.tied_weights) {
    output.weight.pack(context, spec.embedding_size, spec.vocab_size,
                       {parameters.embedding, spec.embedding_size, Transpose::yes});
    output.bias = parameters.output_bias;
  } else {
    output = packer.affine(parameters.output_weight, parameters.output_bias, hidden, spec.vocab_size);
  }
}

}  // namespace showtell
