// A decoder on the CUDA device, without the device code behind it: for the binding, which nvcc does not compile.
#pragma once

#include "model/decoder.h"

namespace showtell::cuda {

/// float32: true float32. exact: decodes on tensor cores with every number split into two halves, as good as float32;
/// trains in float32. float16: halves between float32 parameters. tf32: trains with products rounded to tf32; decodes
/// as exact does.
enum class DecoderPrecision { float32, exact, float16, tf32 };

/// Throws an unavailable error where the device or a library is missing, and memory errors.
std::unique_ptr<Decoder> make_decoder(const DecoderSpec& spec, DecoderPrecision precision,
                                      const ParameterVisitor& fill);

}  // namespace showtell::cuda
