// Native results into JavaScript values.
#pragma once

#include <napi.h>

#include <memory>
#include <utility>
#include <vector>

#include "model/decoder.h"

namespace showtell::binding {

inline Napi::Float32Array to_float32_array(Napi::Env env, const float* values, Index size) {
  auto array = Napi::Float32Array::New(env, static_cast<std::size_t>(size));
  if (size > 0) std::memcpy(array.Data(), values, static_cast<std::size_t>(size) * sizeof(float));
  return array;
}

template <typename Array, typename Element>
Array to_typed_array(Napi::Env env, const std::vector<Element>& values) {
  auto array = Array::New(env, values.size());
  if (!values.empty()) std::memcpy(array.Data(), values.data(), values.size() * sizeof(Element));
  return array;
}

/// name -> values, read on a job's thread and made an object of on the JavaScript thread.
class NamedSnapshot {
 public:
  ParameterVisitor reader() {
    return [this](const ParameterShape& shape, float* values) {
      AlignedBuffer copy(shape.size());
      std::memcpy(copy.data(), values, static_cast<std::size_t>(shape.size()) * sizeof(float));
      entries_.emplace_back(shape.name, std::move(copy));
    };
  }
  Napi::Object to_object(Napi::Env env) const {
    auto object = Napi::Object::New(env);
    for (const auto& [name, values] : entries_) object.Set(name, to_float32_array(env, values.data(), values.size()));
    return object;
  }

 private:
  std::vector<std::pair<std::string, AlignedBuffer>> entries_;
};

inline Napi::Object to_object(Napi::Env env, const GeneratedCaptions& captions) {
  auto object = Napi::Object::New(env);
  object.Set("captionCounts", to_typed_array<Napi::Int32Array>(env, captions.caption_counts));
  object.Set("lengths", to_typed_array<Napi::Int32Array>(env, captions.lengths));
  object.Set("tokenIds", to_typed_array<Napi::Int32Array>(env, captions.token_ids));
  object.Set("logProbs", to_typed_array<Napi::Float64Array>(env, captions.log_probs));
  object.Set("scores", to_typed_array<Napi::Float64Array>(env, captions.scores));
  object.Set("normalizedScores", to_typed_array<Napi::Float64Array>(env, captions.normalized_scores));
  object.Set("endedByMaxLength", to_typed_array<Napi::Uint8Array>(env, captions.ended_by_max_length));
  return object;
}

inline Napi::Object to_object(Napi::Env env, const LossSum& loss) {
  auto object = Napi::Object::New(env);
  object.Set("lossSum", Napi::Number::New(env, loss.loss_sum));
  object.Set("tokenCount", Napi::Number::New(env, static_cast<double>(loss.token_count)));
  return object;
}

inline Napi::Object to_object(Napi::Env env, const LossScale& scale) {
  auto object = Napi::Object::New(env);
  object.Set("factor", Napi::Number::New(env, scale.factor));
  object.Set("stepsWithoutOverflow", Napi::Number::New(env, scale.steps_without_overflow));
  return object;
}

}  // namespace showtell::binding
