#include <cmath>

#include "ops/attention.h"

namespace showtell {

namespace {

float scale_of(Index head_size) { return static_cast<float>(1 / std::sqrt(static_cast<double>(head_size))); }

/// body(image, head, first query, queries) for every image and head.
template <typename Body>
void for_heads(CpuContext& context, const AttentionBatch& batch, const Body& body) {
  context.pool.split(batch.images * batch.heads, 1, [&](Index begin, Index end) {
    for (Index pair = begin; pair < end; ++pair) {
      const Index image = pair / batch.heads;
      const Index first = batch.query_offsets[image];
      body(image, pair % batch.heads, first, batch.query_offsets[image + 1] - first);
    }
  });
}

}  // namespace

void attention_forward(CpuContext& context, const AttentionBatch& batch, float* attended, Index attended_stride) {
  const Index head_size = batch.size / batch.heads;
  const Index weight_stride = batch.heads * batch.cells;
  const float scale = scale_of(head_size);
  for_heads(context, batch, [&](Index image, Index head, Index first, Index queries) {
    if (queries == 0) return;
    const Index column = head * head_size;
    const float* keys = batch.keys + image * batch.cells * batch.size + column;
    const float* values = batch.values + image * batch.cells * batch.size + column;
    float* weights = batch.weights + first * weight_stride + head * batch.cells;
    gemm_single(context.kernels, queries, batch.cells, head_size,
                {batch.queries + first * batch.size + column, batch.size}, {keys, batch.size, Transpose::yes}, weights,
                weight_stride);
    for (Index query = 0; query < queries; ++query) {
      context.kernels.softmax(weights + query * weight_stride, batch.cells, scale);
    }
    gemm_single(context.kernels, queries, head_size, batch.cells, {weights, weight_stride}, {values, batch.size},
                attended + first * attended_stride + column, attended_stride);
  });
}

void attention_backward(CpuContext& context, const AttentionBatch& batch, const float* attended_gradient,
                        Index attended_gradient_stride, float* query_gradient, float* key_gradient,
                        float* value_gradient) {
  const Index head_size = batch.size / batch.heads;
  const Index weight_stride = batch.heads * batch.cells;
  const float scale = scale_of(head_size);
  float* score_gradients = context.arena.floats(batch.query_offsets[batch.images] * weight_stride);
  for_heads(context, batch, [&](Index image, Index head, Index first, Index queries) {
    const Index column = head * head_size;
    const Index cell_offset = image * batch.cells * batch.size + column;
    const float* weights = batch.weights + first * weight_stride + head * batch.cells;
    float* scores = score_gradients + first * weight_stride + head * batch.cells;
    const Operand d{attended_gradient + first * attended_gradient_stride + column, attended_gradient_stride};
    gemm_single(context.kernels, batch.cells, head_size, queries, {weights, weight_stride, Transpose::yes}, d,
                value_gradient + cell_offset, batch.size);
    gemm_single(context.kernels, queries, batch.cells, head_size, d,
                {batch.values + cell_offset, batch.size, Transpose::yes}, scores, weight_stride);
    for (Index query = 0; query < queries; ++query) {
      context.kernels.softmax_backward(weights + query * weight_stride, scores + query * weight_stride, batch.cells,
                                       scale);
    }
    gemm_single(context.kernels, queries, head_size, batch.cells, {scores, weight_stride},
                {batch.keys + cell_offset, batch.size}, query_gradient + first * batch.size + column, batch.size);
    gemm_single(context.kernels, batch.cells, head_size, queries, {scores, weight_stride, Transpose::yes},
                {batch.queries + first * batch.size + column, batch.size}, key_gradient + cell_offset, batch.size);
  });
}

void transpose_keys(CpuContext& context, Index images, Index cells, Index size, const float* keys, float* out) {
  const Index stride = round_up(cells, kKeyStride);
  context.pool.split(images, 1, [&](Index begin, Index end) {
    for (Index image = begin; image < end; ++image) {
      const float* from = keys + image * cells * size;
      float* to = out + image * size * stride;
      for (Index at = 0; at < size; ++at) {
        for (Index cell = 0; cell < cells; ++cell) to[at * stride + cell] = from[cell * size + at];
        for (Index cell = cells; cell < stride; ++cell) to[at * stride + cell] = 0.0f;
      }
    }
  });
}

void attention_step(CpuContext& context, Index rows, Index cells, Index heads, Index size,
                    const std::int32_t* image_of_row, const float* queries, const float* keys_transposed,
                    const float* values, float* attended, Index attended_stride, float* mean_weights) {
  const Index stride = round_up(cells, kKeyStride);
  float* weights = context.arena.floats(rows * heads * stride);
  context.pool.split(rows, 2, [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row) {
      const Index image = image_of_row[row];
      float* own = weights + row * heads * stride;
      context.kernels.attend_row({heads, size / heads, cells, queries + row * size,
                                  keys_transposed + image * size * stride, stride, values + image * cells * size,
                                  scale_of(size / heads), own, attended + row * attended_stride});
      if (mean_weights == nullptr) continue;
      for (Index cell = 0; cell < cells; ++cell) {
        float total = 0;
        for (Index head = 0; head < heads; ++head) total += own[head * stride + cell];
        mean_weights[row * cells + cell] = total / static_cast<float>(heads);
      }
    }
  });
}

}  // namespace showtell
