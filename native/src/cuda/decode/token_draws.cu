#include "cuda/decode/token_draws.h"

#include "model/decoder_spec.h"

namespace showtell::cuda {

namespace {

constexpr int kThreads = 128;
constexpr int kRowsPerBlock = kThreads / 32;

__device__ __forceinline__ bool may_be_written(int token) {
  return token != kPadTokenId && token != kStartTokenId && token != kUnknownTokenId;
}

/// Sum over this lane and those before it.
__device__ __forceinline__ float sum_up_to_lane(float value, int lane) {
#pragma unroll
  for (int distance = 1; distance < 32; distance <<= 1) {
    const float before = __shfl_up_sync(~0u, value, distance);
    if (lane >= distance) value += before;
  }
  return value;
}

/// A warp serves a row. The sum of its weights and the search for the place in it add the same numbers in the same order,
/// so that a target below the sum is found.
__global__ void __launch_bounds__(kThreads) token_drawing_kernel(const __grid_constant__ TokenDrawing drawing) {
  begin_after_predecessor();
  const int row = static_cast<int>(blockIdx.x) * kRowsPerBlock + static_cast<int>(threadIdx.x >> 5);
  const int lane = static_cast<int>(threadIdx.x & 31);
  if (row >= drawing.rows) return;
  const float* logits = drawing.logits + static_cast<size_t>(row) * static_cast<size_t>(drawing.columns);
  float most = -INFINITY;
  int likeliest = drawing.columns;
  for (int token = lane; token < drawing.columns; token += 32) {
    if (!may_be_written(token) || !(logits[token] > most)) continue;
    most = logits[token];
    likeliest = token;
  }
#pragma unroll
  for (int distance = 16; distance > 0; distance >>= 1) {
    const float other = __shfl_xor_sync(~0u, most, distance);
    const int token = __shfl_xor_sync(~0u, likeliest, distance);
    if (other > most || (other == most && token < likeliest)) {
      most = other;
      likeliest = token;
    }
  }
  const auto weight = [&](int token) {
    if (token >= drawing.columns || !may_be_written(token)) return 0.0f;
    return expf((logits[token] - most) * drawing.inverse_temperature);
  };
  float total = 0.0f;
  for (int first = 0; first < drawing.columns; first += 32) {
    total += __shfl_sync(~0u, sum_up_to_lane(weight(first + lane), lane), 31);
  }
  int drawn = total < INFINITY ? likeliest : -1;  // not for NaN
  const float uniform = drawing.uniforms[row];
  if (drawn >= 0 && uniform >= 0.0f) {
    // A uniform of nearly 1 may round the target up to the sum: the last token that can be drawn is meant then.
    const float target = uniform * total;
    float before = 0.0f;
    for (int first = 0; first < drawing.columns; first += 32) {
      const float own = weight(first + lane), up_to = before + sum_up_to_lane(own, lane);
      const unsigned possible = __ballot_sync(~0u, own > 0.0f), beyond = __ballot_sync(~0u, own > 0.0f && up_to > target);
      if (beyond != 0) {
        drawn = first + __ffs(static_cast<int>(beyond)) - 1;
        break;
      }
      if (possible != 0) drawn = first + 31 - __clz(static_cast<int>(possible));
      before = __shfl_sync(~0u, up_to, 31);
    }
  }
  if (lane == 0) drawing.drawn[row] = drawn;
}

}  // namespace

cudaError_t launch_token_drawing(const DecodeStream& stream, const TokenDrawing& drawing) {
  const auto blocks = static_cast<unsigned>((drawing.rows + kRowsPerBlock - 1) / kRowsPerBlock);
  return stream.launch(token_drawing_kernel, dim3(blocks), dim3(kThreads), 0, drawing);
}

}  // namespace showtell::cuda
