#include "binding/state_wrap.h"

namespace showtell::binding {

namespace {
// Tells our objects from others whatever their prototype says.
constexpr napi_type_tag kTypeTag = {0x5c1e0a3f7b2d4e68, 0x9f34d1c07ae25b86};
}  // namespace

Napi::Function StateWrap::define(Napi::Env env) {
  return DefineClass(env, "NativeState",
                     {InstanceAccessor<&StateWrap::rows>("rows"), InstanceMethod<&StateWrap::dispose>("dispose")});
}

StateWrap::StateWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<StateWrap>(info) {
  info.This().As<Napi::Object>().TypeTag(&kTypeTag);
}

Napi::Object StateWrap::create(Napi::Env, const Napi::Function& constructor, std::shared_ptr<StateHandle> state) {
  const Napi::Object object = constructor.New({});
  Unwrap(object)->state_ = std::move(state);
  return object;
}

std::shared_ptr<StateHandle> StateWrap::of(const Napi::Value& value, const std::shared_ptr<DecoderSession>& session) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kTypeTag)) {
    throw Error(ErrorCode::option, expected("a state of this decoder", "state", "another value"));
  }
  const auto& state = Unwrap(value.As<Napi::Object>())->state_;
  if (!state || state->disposed) throw Error(ErrorCode::disposed, expected("a live state", "state", "a disposed one"));
  if (state->owner.lock() != session) {
    throw Error(ErrorCode::option, expected("a state of this decoder", "state", "one of another decoder"));
  }
  return state;
}

Napi::Value StateWrap::rows(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), state_ ? static_cast<double>(state_->rows) : 0.0);
}

void StateWrap::dispose(const Napi::CallbackInfo&) {
  if (!state_) return;
  state_->disposed = true;  // jobs on their way keep the memory until they are done
  state_.reset();
}

}  // namespace showtell::binding
