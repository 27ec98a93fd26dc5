// The devices of this build: what each is, and decoders on it.
#pragma once

#include <napi.h>

#include <memory>

#include "model/decoder.h"

namespace showtell::binding {

/// NativeDeviceInfo of binding.ts. Throws an option error for an unknown name, an unavailable one with the reason where
/// the device cannot be used.
Napi::Object device_info(Napi::Env env, const std::string& device);

/// A device and a precision that it has; made from `{ device, precision }`.
struct DeviceChoice {
  std::string device, precision;
};
DeviceChoice to_device_choice(const Napi::Value& options);
std::unique_ptr<Decoder> make_decoder(const DeviceChoice& choice, const DecoderSpec& spec,
                                      const ParameterVisitor& fill);

}  // namespace showtell::binding
