// NativeState: a handle of a recurrent state.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/decoder_session.h"

namespace showtell::binding {

class StateWrap : public Napi::ObjectWrap<StateWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  /// A new handle of `state`.
  static Napi::Object create(Napi::Env env, const Napi::Function& constructor, std::shared_ptr<StateHandle> state);
  /// The state behind `value`. Throws a showtell::Error unless it is a live state of `session`.
  static std::shared_ptr<StateHandle> of(const Napi::Value& value, const std::shared_ptr<DecoderSession>& session);

  /// Made by JavaScript itself, the handle is empty: as good as disposed.
  explicit StateWrap(const Napi::CallbackInfo& info);

 private:
  Napi::Value rows(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  std::shared_ptr<StateHandle> state_;
};

}  // namespace showtell::binding
