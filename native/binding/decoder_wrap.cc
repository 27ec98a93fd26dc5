#include "binding/decoder_wrap.h"

#include "binding/arguments.h"
#include "binding/devices.h"
#include "binding/results.h"
#include "binding/state_wrap.h"

namespace showtell::binding {

namespace {

constexpr double kMostSafeInteger = 9007199254740991.0;

/// What `copies` writes where `read` asks; a Work of a named snapshot.
template <typename Read>
Work snapshot_work(const Read& read) {
  return [read](Decoder& decoder) -> MakeResult {
    auto snapshot = std::make_shared<NamedSnapshot>();
    read(decoder, snapshot->reader());
    return [snapshot](Napi::Env env) { return snapshot->to_object(env); };
  };
}

}  // namespace

Napi::Function DecoderWrap::define(Napi::Env env) {
  return DefineClass(env, "NativeDecoder",
                     {
                         InstanceMethod<&DecoderWrap::start>("start"),
                         InstanceMethod<&DecoderWrap::step>("step"),
                         InstanceMethod<&DecoderWrap::sample_step>("sampleStep"),
                         InstanceMethod<&DecoderWrap::gather_rows>("gatherRows"),
                         InstanceMethod<&DecoderWrap::read_attention>("readAttention"),
                         InstanceMethod<&DecoderWrap::generate>("generate"),
                         InstanceMethod<&DecoderWrap::train_step>("trainStep"),
                         InstanceMethod<&DecoderWrap::evaluate_loss>("evaluateLoss"),
                         InstanceMethod<&DecoderWrap::read_parameters>("readParameters"),
                         InstanceMethod<&DecoderWrap::write_parameters>("writeParameters"),
                         InstanceMethod<&DecoderWrap::read_gradients>("readGradients"),
                         InstanceMethod<&DecoderWrap::read_averages>("readAverages"),
                         InstanceMethod<&DecoderWrap::read_optimizer_state>("readOptimizerState"),
                         InstanceMethod<&DecoderWrap::write_optimizer_state>("writeOptimizerState"),
                         InstanceMethod<&DecoderWrap::dispose>("dispose"),
                     });
}

DecoderWrap::DecoderWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<DecoderWrap>(info) {
  try {
    const DecoderSpec spec = to_decoder_spec(info[0]);
    const DeviceChoice choice = to_device_choice(info[2]);
    const NamedCopies parameters = to_named(ParameterLayout(spec), false, info[1], "parameter");
    session_ = std::make_shared<DecoderSession>(info.Env(), make_decoder(choice, spec, writer_of(parameters)));
  } catch (...) {
    throw current_js_error(info.Env());
  }
}

DecoderWrap::~DecoderWrap() {
  if (session_) session_->dispose(Env());
}

template <typename MakeWork>
Napi::Value DecoderWrap::submit(const Napi::CallbackInfo& info, const MakeWork& make_work) {
  const Napi::Env env = info.Env();
  try {
    if (session_->disposed())
      throw Error(ErrorCode::disposed, expected("a live decoder", "this call", "a disposed one"));
    return session_->enqueue(env, make_work(session_));
  } catch (...) {
    return rejected(env, current_js_error(env));
  }
}

namespace {

std::shared_ptr<std::vector<std::int32_t>> to_step_tokens(const Napi::Value& value, const DecoderSpec& spec,
                                                          Index rows) {
  auto tokens = std::make_shared<std::vector<std::int32_t>>(to_ints(value, "tokenIds", rows));
  for (const auto token : *tokens) {
    if (token >= 0 && token < spec.vocab_size) continue;
    throw Error(ErrorCode::shape,
                expected("0 to " + std::to_string(spec.vocab_size - 1), "tokenIds", std::to_string(token)));
  }
  return tokens;
}

void check_first_step(const DecodingState& state, const std::vector<std::int32_t>& tokens) {
  if (state.steps() > 0) return;
  for (const auto token : tokens) {
    if (token == kStartTokenId) continue;
    throw Error(ErrorCode::option, expected("<start> (1) on every row", "the first step", std::to_string(token)));
  }
}

}  // namespace

Napi::Value DecoderWrap::start(const Napi::CallbackInfo& info) {
  return submit(info, [&](const std::shared_ptr<DecoderSession>& session) -> Work {
    auto features = std::make_shared<FeatureCopy>(to_features(session->spec(), info[0], info[1], info[2], info[3]));
    auto state = std::make_shared<StateHandle>();
    state->owner = session;
    state->rows = features->images;
    return [features, state, session](Decoder& decoder) -> MakeResult {
      state->state = decoder.start(features->view());
      return [state, session](Napi::Env env) -> Napi::Value {
        session->adopt(state);
        return StateWrap::create(env, env.GetInstanceData<AddonData>()->state_constructor.Value(), state);
      };
    };
  });
}

Napi::Value DecoderWrap::step(const Napi::CallbackInfo& info) {
  return submit(info, [&](const std::shared_ptr<DecoderSession>& session) -> Work {
    const auto state = StateWrap::of(info[0], session);
    const auto tokens = to_step_tokens(info[1], session->spec(), state->rows);
    return [state, tokens](Decoder& decoder) -> MakeResult {
      check_first_step(*state->state, *tokens);
      const Index size = state->state->rows() * decoder.spec().vocab_size;
      auto logits = std::make_shared<AlignedBuffer>(size);
      decoder.step(*state->state, tokens->data(), logits->data());
      return [logits](Napi::Env env) { return to_float32_array(env, logits->data(), logits->size()); };
    };
  });
}

Napi::Value DecoderWrap::sample_step(const Napi::CallbackInfo& info) {
  return submit(info, [&](const std::shared_ptr<DecoderSession>& session) -> Work {
    const auto state = StateWrap::of(info[0], session);
    const auto tokens = to_step_tokens(info[1], session->spec(), state->rows);
    const auto uniforms = std::make_shared<std::vector<double>>(to_doubles(info[2], "uniforms", state->rows));
    for (const double uniform : *uniforms) {
      if (!(uniform < 1))
        throw Error(ErrorCode::option, expected("numbers below 1", "uniforms", std::to_string(uniform)));
    }
    const double temperature = to_number(info[3], "temperature");
    if (!(temperature > 0)) {
      throw Error(ErrorCode::option, expected("a number above 0", "temperature", std::to_string(temperature)));
    }
    return [state, tokens, uniforms, temperature](Decoder& decoder) -> MakeResult {
      check_first_step(*state->state, *tokens);
      auto drawn = std::make_shared<std::vector<std::int32_t>>(tokens->size());
      decoder.sample_step(*state->state, tokens->data(), {uniforms->data(), temperature}, drawn->data());
      return [drawn](Napi::Env env) { return to_typed_array<Napi::Int32Array>(env, *drawn); };
    };
  });
}

Napi::Value DecoderWrap::gather_rows(const Napi::CallbackInfo& info) {
  return submit(info, [&](const std::shared_ptr<DecoderSession>& session) -> Work {
    const auto state = StateWrap::of(info[0], session);
    auto rows = std::make_shared<std::vector<std::int32_t>>(to_ints(info[1], "rows"));
    if (rows->empty()) throw Error(ErrorCode::shape, expected("at least one row", "rows", "none"));
    for (const auto row : *rows) {
      if (row >= 0 && row < state->rows) continue;
      throw Error(ErrorCode::shape, expected("0 to " + std::to_string(state->rows - 1), "rows", std::to_string(row)));
    }
    state->rows = static_cast<Index>(rows->size());
    return [state, rows](Decoder& decoder) -> MakeResult {
      decoder.gather(*state->state, rows->data(), static_cast<Index>(rows->size()));
      return nullptr;
    };
  });
}

Napi::Value DecoderWrap::read_attention(const Napi::CallbackInfo& info) {
  return submit(info, [&](const std::shared_ptr<DecoderSession>& session) -> Work {
    const auto state = StateWrap::of(info[0], session);
    if (!session->spec().has_attention) {
      throw Error(ErrorCode::option, expected("a decoder with attention", "readAttention", "one without"));
    }
    return [state](Decoder&) -> MakeResult {
      const DecodingState& from = *state->state;
      if (from.steps() == 0) throw Error(ErrorCode::option, expected("a step", "readAttention", "none so far"));
      auto copy = std::make_shared<std::vector<float>>(from.attention(), from.attention() + from.rows() * from.cells());
      return [copy](Napi::Env env) { return to_float32_array(env, copy->data(), static_cast<Index>(copy->size())); };
    };
  });
}

Napi::Value DecoderWrap::generate(const Napi::CallbackInfo& info) {
  return submit(info, [&](const std::shared_ptr<DecoderSession>& session) -> Work {
    auto features = std::make_shared<FeatureCopy>(to_features(session->spec(), info[0], info[1], info[2], info[3]));
    const SearchOptions options = to_search_options(info[4], session->spec());
    return [features, options](Decoder& decoder) -> MakeResult {
      auto captions = std::make_shared<GeneratedCaptions>(decoder.generate(features->view(), options));
      return [captions](Napi::Env env) { return to_object(env, *captions); };
    };
  });
}

Napi::Value DecoderWrap::train_step(const Napi::CallbackInfo& info) {
  return submit(info, [&](const std::shared_ptr<DecoderSession>& session) -> Step {
    auto batch = std::make_shared<BatchCopy>(to_batch(session->spec(), info[0]));
    const AdamOptions options = to_adam_options(info[1]);
    return [batch, options](Decoder& decoder) -> Wait {
      return [batch, wait = decoder.start_step(batch->view(), options)]() -> MakeResult {
        return [result = wait()](Napi::Env env) {
          auto object = to_object(env, static_cast<const LossSum&>(result));
          object.Set("gradientNorm", Napi::Number::New(env, result.gradient_norm));
          return object;
        };
      };
    };
  });
}

Napi::Value DecoderWrap::evaluate_loss(const Napi::CallbackInfo& info) {
  return submit(info, [&](const std::shared_ptr<DecoderSession>& session) -> Work {
    auto batch = std::make_shared<BatchCopy>(to_batch(session->spec(), info[0]));
    return [batch](Decoder& decoder) -> MakeResult {
      const LossSum result = decoder.evaluate_loss(batch->view());
      return [result](Napi::Env env) { return to_object(env, result); };
    };
  });
}

Napi::Value DecoderWrap::read_parameters(const Napi::CallbackInfo& info) {
  return submit(info, [](const auto&) -> Work {
    return snapshot_work([](Decoder& decoder, const ParameterVisitor& read) { decoder.read_parameters(read); });
  });
}

Napi::Value DecoderWrap::read_gradients(const Napi::CallbackInfo& info) {
  return submit(info, [](const auto&) -> Work {
    return snapshot_work([](Decoder& decoder, const ParameterVisitor& read) { decoder.read_gradients(read); });
  });
}

Napi::Value DecoderWrap::read_averages(const Napi::CallbackInfo& info) {
  return submit(info, [](const auto&) -> Work {
    return snapshot_work([](Decoder& decoder, const ParameterVisitor& read) { decoder.read_averages(read); });
  });
}

Napi::Value DecoderWrap::write_parameters(const Napi::CallbackInfo& info) {
  return submit(info, [&](const std::shared_ptr<DecoderSession>& session) -> Work {
    auto copies = std::make_shared<NamedCopies>(to_named(session->layout(), false, info[0], "parameter"));
    return [copies](Decoder& decoder) -> MakeResult {
      decoder.write_parameters(writer_of(*copies));
      return nullptr;
    };
  });
}

Napi::Value DecoderWrap::read_optimizer_state(const Napi::CallbackInfo& info) {
  return submit(info, [](const auto&) -> Work {
    return [](Decoder& decoder) -> MakeResult {
      using Array = Decoder::OptimizerArray;
      auto first = std::make_shared<NamedSnapshot>();
      auto second = std::make_shared<NamedSnapshot>();
      auto averages = std::make_shared<NamedSnapshot>();
      const auto step = static_cast<double>(decoder.optimizer_step());
      const bool has_averages = decoder.has_averages();
      const std::optional<LossScale> loss_scale = decoder.loss_scale();
      if (decoder.has_moments()) {
        decoder.visit_optimizer(Array::first_moments, first->reader());
        decoder.visit_optimizer(Array::second_moments, second->reader());
      }
      if (has_averages) decoder.visit_optimizer(Array::averages, averages->reader());
      return [=](Napi::Env env) {
        auto object = Napi::Object::New(env);
        object.Set("step", Napi::Number::New(env, step));
        object.Set("firstMoments", first->to_object(env));
        object.Set("secondMoments", second->to_object(env));
        if (has_averages) object.Set("averages", averages->to_object(env));
        if (loss_scale) object.Set("lossScale", to_object(env, *loss_scale));
        return object;
      };
    };
  });
}

Napi::Value DecoderWrap::write_optimizer_state(const Napi::CallbackInfo& info) {
  return submit(info, [&](const std::shared_ptr<DecoderSession>& session) -> Work {
    const auto object = to_object(info[0], "optimizer state");
    const Index step = to_index(object.Get("step"), "optimizer step", 0, static_cast<Index>(kMostSafeInteger));
    const auto read = [&](const char* name, const char* kind) -> std::shared_ptr<NamedCopies> {
      const Napi::Value value = object.Get(name);
      if (value.IsUndefined()) return nullptr;
      if (value.IsObject() && value.As<Napi::Object>().GetPropertyNames().Length() == 0) return nullptr;
      return std::make_shared<NamedCopies>(to_named(session->layout(), true, value, kind));
    };
    const auto first = read("firstMoments", "first moment");
    const auto second = read("secondMoments", "second moment");
    const auto averages = read("averages", "average");
    if ((first == nullptr) != (second == nullptr) || (first == nullptr && step > 0)) {
      throw Error(ErrorCode::shape,
                  expected("both moments, or neither before the first step", "optimizer state", "a part"));
    }
    const std::optional<LossScale> loss_scale = to_loss_scale(object.Get("lossScale"));
    return [=](Decoder& decoder) -> MakeResult {
      const auto writer = [](const std::shared_ptr<NamedCopies>& copies) {
        return copies ? writer_of(*copies) : ParameterVisitor();
      };
      const ParameterVisitor visitors[] = {writer(first), writer(second), writer(averages)};
      const auto or_null = [](const ParameterVisitor& visitor) { return visitor ? &visitor : nullptr; };
      decoder.write_optimizer(step, or_null(visitors[0]), or_null(visitors[1]), or_null(visitors[2]));
      if (loss_scale) decoder.write_loss_scale(*loss_scale);
      return nullptr;
    };
  });
}

void DecoderWrap::dispose(const Napi::CallbackInfo& info) { session_->dispose(info.Env()); }

}  // namespace showtell::binding
