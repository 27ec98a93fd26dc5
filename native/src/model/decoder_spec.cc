#include "model/decoder_spec.h"

namespace showtell {

namespace {

void check_size(const char* name, Index value, Index least, Index most) {
  if (value >= least && value <= most) return;
  throw Error(ErrorCode::option, expected(std::to_string(least) + " to " + std::to_string(most),
                                          std::string("decoder spec ") + name, std::to_string(value)));
}

void check_rate(const char* name, double value) {
  if (value >= 0 && value <= 0.95) return;
  throw Error(ErrorCode::option,
              expected("0 to 0.95", std::string("decoder spec dropout.") + name, std::to_string(value)));
}

}  // namespace

void check_spec(const DecoderSpec& spec) {
  check_size("vocabSize", spec.vocab_size, 5, 1'000'000);
  check_size("featureSize", spec.feature_size, 1, 65'536);
  check_size("embeddingSize", spec.embedding_size, 1, 8192);
  check_size("hiddenSize", spec.hidden_size, 1, 8192);
  check_size("layerCount", spec.layer_count, 1, 16);
  if (spec.has_attention) {
    check_size("attention.heads", spec.attention_heads, 1, 64);
    check_size("attention.size", spec.attention_size, 1, 8192);
    check_size("attention.gridFeatureSize", spec.grid_feature_size, 1, 65'536);
    if (spec.attention_size % spec.attention_heads != 0) {
      throw Error(ErrorCode::option,
                  expected("a multiple of heads", "decoder spec attention.size", std::to_string(spec.attention_size)));
    }
  }
  check_rate("image", spec.dropout.image);
  check_rate("embedding", spec.dropout.embedding);
  check_rate("input", spec.dropout.input);
  check_rate("recurrent", spec.dropout.recurrent);
  check_rate("attentionValue", spec.dropout.attention_value);
  check_rate("attentionOutput", spec.dropout.attention_output);
  check_rate("output", spec.dropout.output);
}

}  // namespace showtell
