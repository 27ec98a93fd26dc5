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

/// Keys and values of images in the order in which attention_step reads them.
struct AttentionMemory {
  AlignedBuffer keys;    // [images, heads, size / heads, round_up(cells, kKeyStride)], zeros beyond the cells
  AlignedBuffer values;  // [images, heads, cells, size / heads]
  AttentionMemory() = default;
  AttentionMemory(Index images, Index cells, Index size);
  Index bytes() const { return (keys.size() + values.size()) * static_cast<Index>(sizeof(float)); }
};

/// Puts keys and values [images, cells, size] into the places of images `first` ... of the memory.
void arrange_memory(CpuContext& context, Index first, Index images, Index cells, Index heads, Index size,
                    const float* keys, const float* values, AttentionMemory& memory);

/// One query a row, for decoding. `mean_weights` [rows, cells]: averaged over heads; skipped where null.
void attention_step(CpuContext& context, Index rows, Index cells, Index heads, Index size,
                    const std::int32_t* image_of_row, const float* queries, const AttentionMemory& memory,
                    float* attended, Index attended_stride, float* mean_weights);

}  // namespace showtell
