// Scaled dot-product attention over the cells of each image. Legend: S = attention size over all heads, R = queries.
#pragma once

#include "ops/gemm.h"

namespace showtell {

/// Queries sorted by image: image i has queries [query_offsets[i], query_offsets[i + 1]).
struct AttentionBatch {
  Index images = 0, cells = 0, heads = 0, size = 0;
  const Index* query_offsets = nullptr;  // [images + 1]
  const float* queries = nullptr;        // [R, S]
  const float* keys = nullptr;           // [images, cells, S]
  const float* values = nullptr;         // [images, cells, S]
  float* weights = nullptr;              // [R, heads, cells]
};

/// Writes weights and context[R, context_stride >= S].
void attention_forward(CpuContext& context, const AttentionBatch& batch, float* attended, Index attended_stride);

/// From the gradient of the attended vectors to those of queries, keys and values (all overwritten). Weights are used
/// up.
void attention_backward(CpuContext& context, const AttentionBatch& batch, const float* attended_gradient,
                        Index attended_gradient_stride, float* query_gradient, float* key_gradient,
                        float* value_gradient);

/// Keys of each image, transposed and padded for attention_step: out[images, S, stride], stride = round_up(cells,
/// kKeyStride).
void transpose_keys(CpuContext& context, Index images, Index cells, Index size, const float* keys, float* out);

/// One query a row, for decoding. `mean_weights` [rows, cells]: averaged over heads; skipped where null.
void attention_step(CpuContext& context, Index rows, Index cells, Index heads, Index size,
                    const std::int32_t* image_of_row, const float* queries, const float* keys_transposed,
                    const float* values, float* attended, Index attended_stride, float* mean_weights);

}  // namespace showtell
