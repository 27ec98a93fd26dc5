#include "binding/arguments.h"

#include <cmath>
#include <limits>

#include "base/float16.h"

namespace showtell::binding {

namespace {

constexpr Index kMostInt = 0x7fffffff;
constexpr double kMostSafeInteger = 9007199254740991.0;

std::string describe(const Napi::Value& value) {
  if (value.IsUndefined()) return "undefined";
  if (value.IsNull()) return "null";
  if (value.IsNumber() || value.IsBoolean()) return value.ToString().Utf8Value();
  if (value.IsString()) return "\"" + value.As<Napi::String>().Utf8Value().substr(0, 80) + "\"";
  if (value.IsTypedArray())
    return "an array of " + std::to_string(value.As<Napi::TypedArray>().ElementLength()) + " elements";
  if (value.IsFunction()) return "a function";
  return "an object";
}

template <typename Element>
Napi::TypedArrayOf<Element> to_array(const Napi::Value& value, napi_typedarray_type type, const char* type_name,
                                     const std::string& name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
    throw Error(ErrorCode::shape, expected(type_name, name, describe(value)));
  }
  return value.As<Napi::TypedArrayOf<Element>>();
}

void check_length(std::size_t actual, Index size, const std::string& name) {
  if (static_cast<Index>(actual) == size) return;
  throw Error(ErrorCode::shape, expected(std::to_string(size) + " elements", name, std::to_string(actual)));
}

std::string to_text(const Napi::Value& value, const std::string& name) {
  if (!value.IsString()) throw Error(ErrorCode::option, expected("a string", name, describe(value)));
  return value.As<Napi::String>().Utf8Value();
}

bool to_boolean(const Napi::Value& value, const std::string& name) {
  if (!value.IsBoolean()) throw Error(ErrorCode::option, expected("true or false", name, describe(value)));
  return value.As<Napi::Boolean>().Value();
}

/// The value that `text` stands for in a list of names and values.
template <typename Value>
Value choose(const std::string& text, const std::string& name,
             std::initializer_list<std::pair<const char*, Value>> choices) {
  std::string names;
  for (const auto& [choice, value] : choices) {
    if (text == choice) return value;
    names += (names.empty() ? "\"" : ", \"") + std::string(choice) + "\"";
  }
  throw Error(ErrorCode::option, expected("one of " + names, name, "\"" + text + "\""));
}

/// Copies of floats, or of halves as floats.
AlignedBuffer to_grid(const Napi::Value& value, Index size) {
  const char* name = "grid features";
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint16_array) {
    return to_floats(value, name, size);
  }
  const auto halves = value.As<Napi::Uint16Array>();
  check_length(halves.ElementLength(), size, name);
  AlignedBuffer copy(size);
  if (size > 0) widen_halves(halves.Data(), size, copy.data());
  return copy;
}

std::vector<std::int32_t> to_token_list(const Napi::Value& value, const std::string& name) {
  if (value.IsTypedArray()) return to_ints(value, name);
  if (!value.IsArray()) throw Error(ErrorCode::option, expected("an array of token ids", name, describe(value)));
  const auto array = value.As<Napi::Array>();
  std::vector<std::int32_t> result;
  for (std::uint32_t at = 0; at < array.Length(); ++at) {
    result.push_back(static_cast<std::int32_t>(to_index(array.Get(at), name, 0, kMostInt)));
  }
  return result;
}

}  // namespace

double to_number(const Napi::Value& value, const std::string& name) {
  if (!value.IsNumber()) throw Error(ErrorCode::option, expected("a number", name, describe(value)));
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!std::isfinite(number)) throw Error(ErrorCode::option, expected("a finite number", name, describe(value)));
  return number;
}

Index to_index(const Napi::Value& value, const std::string& name, Index least, Index most) {
  const double number = to_number(value, name);
  if (std::floor(number) != number || number < static_cast<double>(least) || number > static_cast<double>(most)) {
    throw Error(ErrorCode::option, expected("an integer from " + std::to_string(least) + " to " + std::to_string(most),
                                            name, describe(value)));
  }
  return static_cast<Index>(number);
}

Napi::Object to_object(const Napi::Value& value, const std::string& name) {
  if (!value.IsObject() || value.IsFunction())
    throw Error(ErrorCode::option, expected("an object", name, describe(value)));
  return value.As<Napi::Object>();
}

AlignedBuffer to_floats(const Napi::Value& value, const std::string& name, Index size) {
  const auto array = to_array<float>(value, napi_float32_array, "a Float32Array", name);
  check_length(array.ElementLength(), size, name);  // a detached array has no elements
  AlignedBuffer copy(size);
  if (size > 0) std::memcpy(copy.data(), array.Data(), static_cast<std::size_t>(size) * sizeof(float));
  return copy;
}

std::vector<std::int32_t> to_ints(const Napi::Value& value, const std::string& name) {
  const auto array = to_array<std::int32_t>(value, napi_int32_array, "an Int32Array", name);
  const std::size_t length = array.ElementLength();
  return length == 0 ? std::vector<std::int32_t>() : std::vector<std::int32_t>(array.Data(), array.Data() + length);
}

std::vector<std::int32_t> to_ints(const Napi::Value& value, const std::string& name, Index size) {
  auto copy = to_ints(value, name);
  check_length(copy.size(), size, name);
  return copy;
}

std::vector<double> to_doubles(const Napi::Value& value, const std::string& name, Index size) {
  const auto array = to_array<double>(value, napi_float64_array, "a Float64Array", name);
  check_length(array.ElementLength(), size, name);
  return size == 0 ? std::vector<double>() : std::vector<double>(array.Data(), array.Data() + size);
}

DecoderSpec to_decoder_spec(const Napi::Value& value) {
  const auto object = to_object(value, "decoder spec");
  const auto size = [&](const Napi::Object& from, const char* name) {
    return to_index(from.Get(name), std::string("decoder spec ") + name, 1, kMostInt);
  };
  const auto text = [&](const char* name) { return to_text(object.Get(name), std::string("decoder spec ") + name); };
  DecoderSpec spec;
  spec.vocab_size = size(object, "vocabSize");
  spec.feature_size = size(object, "featureSize");
  spec.embedding_size = size(object, "embeddingSize");
  spec.hidden_size = size(object, "hiddenSize");
  spec.layer_count = size(object, "layerCount");
  spec.image_injection = choose<ImageInjection>(
      text("imageInjection"), "imageInjection",
      {{"first-input", ImageInjection::first_input}, {"initial-state", ImageInjection::initial_state}});
  spec.normalization = choose<Normalization>(
      text("normalization"), "normalization",
      {{"none", Normalization::none}, {"batch", Normalization::batch}, {"layer", Normalization::layer}});
  spec.tied_weights = to_boolean(object.Get("tiedWeights"), "decoder spec tiedWeights");
  spec.hard_sigmoid =
      choose<bool>(text("gateActivation"), "gateActivation", {{"sigmoid", false}, {"hardSigmoid", true}});
  const Napi::Value attention = object.Get("attention");
  if (!attention.IsUndefined()) {
    const auto parts = to_object(attention, "decoder spec attention");
    spec.has_attention = true;
    spec.attention_heads = size(parts, "heads");
    spec.attention_size = size(parts, "size");
    spec.grid_feature_size = size(parts, "gridFeatureSize");
  }
  const auto dropout = to_object(object.Get("dropout"), "decoder spec dropout");
  const auto rate = [&](const char* name) {
    return to_number(dropout.Get(name), std::string("decoder spec dropout.") + name);
  };
  spec.dropout.image = rate("image");
  spec.dropout.embedding = rate("embedding");
  spec.dropout.input = rate("input");
  spec.dropout.recurrent = rate("recurrent");
  spec.dropout.attention_value = rate("attentionValue");
  spec.dropout.attention_output = rate("attentionOutput");
  spec.dropout.output = rate("output");
  spec.dropout.input_mask_per_sequence =
      choose<bool>(to_text(dropout.Get("inputMask"), "decoder spec dropout.inputMask"), "dropout.inputMask",
                   {{"step", false}, {"sequence", true}});
  check_spec(spec);
  return spec;
}

SearchOptions to_search_options(const Napi::Value& value, const DecoderSpec& spec) {
  const auto object = to_object(value, "search options");
  const auto count = [&](const char* name) { return to_index(object.Get(name), name, 0, kMostInt); };
  SearchOptions options;
  options.beam_width = count("beamWidth");
  options.max_length = count("maxLength");
  options.min_length = count("minLength");
  options.n_best = count("nBest");
  options.no_repeat_ngram_size = count("noRepeatNgramSize");
  options.length_penalty = to_number(object.Get("lengthPenalty"), "lengthPenalty");
  options.formula = choose<LengthPenaltyFormula>(to_text(object.Get("lengthPenaltyFormula"), "lengthPenaltyFormula"),
                                                 "lengthPenaltyFormula",
                                                 {{"none", LengthPenaltyFormula::none},
                                                  {"average", LengthPenaltyFormula::average},
                                                  {"gnmt", LengthPenaltyFormula::gnmt}});
  options.banned_tokens = to_token_list(object.Get("bannedTokens"), "bannedTokens");
  options.forbidden_first_words = to_token_list(object.Get("forbiddenFirstWords"), "forbiddenFirstWords");
  options.forced_prefix = to_token_list(object.Get("forcedPrefix"), "forcedPrefix");
  check_search_options(options, spec.vocab_size);
  return options;
}

AdamOptions to_adam_options(const Napi::Value& value) {
  const auto object = to_object(value, "update");
  const auto number = [&](const char* name, double least, double below) {
    const double result = to_number(object.Get(name), name);
    if (result >= least && result < below) return result;
    throw Error(ErrorCode::option, expected("a number in range", name, std::to_string(result)));
  };
  AdamOptions options;
  options.learning_rate = number("learningRate", 0, HUGE_VAL);
  options.beta1 = number("beta1", 0, 1);
  options.beta2 = number("beta2", 0, 1);
  options.epsilon = number("epsilon", 0, HUGE_VAL);
  if (!object.Get("clipNorm").IsUndefined()) {
    options.clip_norm = number("clipNorm", 0, HUGE_VAL);
    if (options.clip_norm == 0) throw Error(ErrorCode::option, expected("a positive number", "clipNorm", "0"));
  }
  if (!object.Get("averageDecay").IsUndefined()) options.average_decay = number("averageDecay", 0, 1 + 1e-12);
  return options;
}

std::optional<LossScale> to_loss_scale(const Napi::Value& value) {
  if (value.IsUndefined()) return std::nullopt;
  const auto object = to_object(value, "lossScale");
  const double factor = to_number(object.Get("factor"), "lossScale.factor");
  if (!(factor >= 1 && factor <= std::numeric_limits<float>::max())) {
    throw Error(ErrorCode::option, expected("a number from 1 on", "lossScale.factor", std::to_string(factor)));
  }
  const Index steps = to_index(object.Get("stepsWithoutOverflow"), "lossScale.stepsWithoutOverflow", 0,
                               std::numeric_limits<std::int32_t>::max());
  return LossScale{static_cast<float>(factor), static_cast<std::int32_t>(steps)};
}

FeatureCopy to_features(const DecoderSpec& spec, const Napi::Value& pooled, const Napi::Value& images,
                        const Napi::Value& grid, const Napi::Value& cells) {
  FeatureCopy copy;
  copy.images = to_index(images, "images", 1, kMostInt);
  copy.pooled = to_floats(pooled, "pooled features", copy.images * spec.feature_size);
  if (!spec.has_attention) {
    if (!grid.IsUndefined()) {
      throw Error(ErrorCode::shape, expected("none (the decoder has no attention)", "grid features", describe(grid)));
    }
    return copy;
  }
  copy.cells = to_index(cells, "cells", 1, kMostInt / copy.images);
  copy.grid = to_grid(grid, copy.images * copy.cells * spec.grid_feature_size);
  return copy;
}

TrainingBatch BatchCopy::view() const {
  TrainingBatch batch;
  batch.features = features.view();
  batch.image_of_row = image_of_row.data();
  batch.batch_size = batch_size;
  batch.time_steps = time_steps;
  batch.token_ids = token_ids.data();
  batch.lengths = lengths.data();
  batch.token_weights = token_weights.data();
  batch.input_token_ids = input_token_ids.empty() ? nullptr : input_token_ids.data();
  batch.label_smoothing = label_smoothing;
  batch.dropout_seed = dropout_seed;
  return batch;
}

BatchCopy to_batch(const DecoderSpec& spec, const Napi::Value& value) {
  const auto object = to_object(value, "batch");
  BatchCopy copy;
  copy.features =
      to_features(spec, object.Get("pooled"), object.Get("images"), object.Get("grid"), object.Get("cells"));
  copy.batch_size = to_index(object.Get("batchSize"), "batchSize", 1, kMostInt);
  copy.time_steps = to_index(object.Get("timeSteps"), "timeSteps", 1, kMostInt / copy.batch_size);
  const Index tokens = copy.batch_size * copy.time_steps;
  copy.image_of_row = to_ints(object.Get("imageOfRow"), "imageOfRow", copy.batch_size);
  copy.token_ids = to_ints(object.Get("tokenIds"), "tokenIds", tokens);
  copy.lengths = to_ints(object.Get("lengths"), "lengths", copy.batch_size);
  const Napi::Value weights = object.Get("tokenWeights");
  if (!weights.IsUndefined()) copy.token_weights = to_floats(weights, "tokenWeights", tokens);
  const Napi::Value inputs = object.Get("inputTokenIds");
  if (!inputs.IsUndefined()) copy.input_token_ids = to_ints(inputs, "inputTokenIds", tokens);
  copy.label_smoothing = to_number(object.Get("labelSmoothing"), "labelSmoothing");
  const double seed = to_number(object.Get("dropoutSeed"), "dropoutSeed");
  if (seed < 0 || seed > kMostSafeInteger || std::floor(seed) != seed) {
    throw Error(ErrorCode::option, expected("a non-negative safe integer", "dropoutSeed", std::to_string(seed)));
  }
  copy.dropout_seed = static_cast<std::uint64_t>(seed);
  check_batch(spec, copy.view());
  return copy;
}

NamedCopies to_named(const ParameterLayout& layout, bool trainable_only, const Napi::Value& value,
                     const std::string& kind) {
  const auto object = to_object(value, kind + "s");
  NamedCopies copies;
  for (const auto& shape : layout.shapes()) {
    if (trainable_only && !shape.trainable) continue;
    copies[shape.name] = to_floats(object.Get(shape.name), kind + " " + shape.name, shape.size());
  }
  const auto names = object.GetPropertyNames();
  for (std::uint32_t at = 0; at < names.Length(); ++at) {
    const std::string name = names.Get(at).ToString().Utf8Value();
    if (copies.count(name) == 0)
      throw Error(ErrorCode::shape, expected("only names of the decoder spec", kind + "s", name));
  }
  return copies;
}

ParameterVisitor writer_of(const NamedCopies& copies) {
  return [&copies](const ParameterShape& shape, float* values) {
    std::memcpy(values, copies.at(shape.name).data(), static_cast<std::size_t>(shape.size()) * sizeof(float));
  };
}

}  // namespace showtell::binding
