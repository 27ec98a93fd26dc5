// What a decoder is; the native copy of packages/core/src/decoder/decoder-spec.ts, which says what each field means.
#pragma once

#include "base/error.h"

namespace showtell {

enum class ImageInjection { first_input, initial_state };
enum class Normalization { none, batch, layer };

struct DropoutRates {
  double image = 0, embedding = 0, input = 0, recurrent = 0, attention_value = 0, attention_output = 0, output = 0;
  bool input_mask_per_sequence = false;
};

struct DecoderSpec {
  Index vocab_size = 0, feature_size = 0, embedding_size = 0, hidden_size = 0, layer_count = 0;
  ImageInjection image_injection = ImageInjection::first_input;
  Normalization normalization = Normalization::none;
  bool tied_weights = false;
  bool hard_sigmoid = false;
  bool has_attention = false;
  Index attention_heads = 0, attention_size = 0, grid_feature_size = 0;
  DropoutRates dropout;

  Index input_size(Index layer) const { return layer == 0 ? embedding_size : hidden_size; }
  /// Width of what the output matrix multiplies.
  Index output_size() const { return tied_weights ? embedding_size : hidden_size; }
  bool has_output_projection() const { return tied_weights && hidden_size != embedding_size; }
};

constexpr std::int32_t kPadTokenId = 0, kStartTokenId = 1, kEndTokenId = 2, kUnknownTokenId = 3;
constexpr double kBatchNormEpsilon = 1e-3, kBatchNormMomentum = 0.99, kLayerNormEpsilon = 1e-5;

/// Throws an option error for sizes outside the limits of decoder-spec.ts.
void check_spec(const DecoderSpec& spec);

}  // namespace showtell
