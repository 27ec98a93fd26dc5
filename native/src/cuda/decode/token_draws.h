// Draws from the distribution over the next token, on the device: ops/token_draws.h says which.
#pragma once

#include "cuda/decode/decode_stream.h"

namespace showtell::cuda {

struct TokenDrawing {
  const float* logits = nullptr;    // [rows, columns]
  const float* uniforms = nullptr;  // [rows]
  int rows = 0, columns = 0;
  float inverse_temperature = 1;
  int* drawn = nullptr;  // [rows]; -1 where a row is not finite
};

cudaError_t launch_token_drawing(const DecodeStream& stream, const TokenDrawing& drawing);

}  // namespace showtell::cuda
