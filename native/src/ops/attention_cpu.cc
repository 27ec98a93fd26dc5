#include <algorithm>
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

AttentionMemory::AttentionMemory(Index images, Index cells, Index size)
    : keys(images * size * round_up(cells, kKeyStride)), values(images * cells * size) {}

void arrange_memory(CpuContext& context, Index first, Index images, Index cells, Index heads, Index size,
                    const float* keys, const float* values, AttentionMemory& memory) {
  const Index stride = round_up(cells, kKeyStride);
  const Index head_size = size / heads;
  context.pool.split(images * heads, heads, [&](Index begin, Index end) {
    for (Index pair = begin; pair < end; ++pair) {
      const Index from = pair / heads * cells * size + pair % heads * head_size;
      float* key_rows = memory.keys.data() + (first * heads + pair) * head_size * stride;
      float* value_rows = memory.values.data() + (first * heads + pair) * cells * head_size;
      for (Index cell = 0; cell < cells; ++cell) {
        for (Index at = 0; at < head_size; ++at) key_rows[at * stride + cell] = keys[from + cell * size + at];
        std::copy_n(values + from + cell * size, head_size, value_rows + cell * head_size);
      }
      for (Index at = 0; at < head_size; ++at) {
        std::fill(key_rows + at * stride + cells, key_rows + (at + 1) * stride, 0.0f);
      }
    }
  });
}

void attention_step(CpuContext& context, Index rows, Index cells, Index heads, Index size,
                    const std::int32_t* image_of_row, const float* queries, const AttentionMemory& memory,
                    float* attended, Index attended_stride, float* mean_weights) {
  const Index stride = round_up(cells, kKeyStride);
  const Index head_size = size / heads;
  const float scale = scale_of(head_size);
  float* weights = context.arena.floats(rows * heads * stride);
  context.pool.split(rows, 2, [&](Index begin, Index end) {
    for (Index row = begin; row < end;) {
      // The rows of an image share its keys and values: a head's lie in the first cache from one row to the next.
      Index after = row + 1;
      while (after < end && image_of_row[after] == image_of_row[row]) ++after;
      for (Index head = 0; head < heads; ++head) {
        const Index pair = image_of_row[row] * heads + head;
        for (Index own = row; own < after; ++own) {
          context.kernels.attend_head(
              {head_size, cells, queries + own * size + head * head_size,
               memory.keys.data() + pair * head_size * stride, stride, memory.values.data() + pair * cells * head_size,
               scale, weights + (own * heads + head) * stride, attended + own * attended_stride + head * head_size});
        }
      }
      row = after;
    }
    if (mean_weights == nullptr) return;
    for (Index row = begin; row < end; ++row) {
      for (Index cell = 0; cell < cells; ++cell) {
        float total = 0;
        for (Index head = 0; head < heads; ++head) total += weights[(row * heads + head) * stride + cell];
        mean_weights[row * cells + cell] = total / static_cast<float>(heads);
      }
    }
  });
}

}  // namespace showtell
