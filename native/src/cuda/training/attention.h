// Scaled dot-product attention (Vaswani et al. 2017, section 3.2) over the cells of each image; keys and values of an
// image serve all its captions. Legend: S = attention size over all heads, N = queries.
#pragma once

#include "cuda/training/element.h"

namespace showtell::cuda {

/// Queries sorted by image: image i has queries [query_offsets[i], query_offsets[i + 1]).
template <typename Real>
struct AttentionBatch {
  Index images = 0, cells = 0, heads = 0, size = 0;
  Index queries_most = 0;                       // rows of the arrays below; rows of padding are left alone
  const std::int32_t* query_offsets = nullptr;  // [images + 1]
  const Real* queries = nullptr;                // [N, S]
  const Real* keys = nullptr;                   // [images, cells, S]
  const Real* values = nullptr;                 // [images, cells, S]
  Index stride = 0;                             // of queries, keys, values and their gradients
  Real* weights = nullptr;                      // [N, heads, cells]
};

/// Writes weights and attended[N, S].
template <typename Real>
void attention_forward(cudaStream_t stream, const AttentionBatch<Real>& batch, Real* attended, Index attended_stride);

/// From the gradient of the attended vectors to those of queries, keys and values. `score_gradient` is scratch as large
/// as the weights.
template <typename Real>
void attention_backward(cudaStream_t stream, const AttentionBatch<Real>& batch, const Real* attended_gradient,
                        Index attended_gradient_stride, Real* score_gradient, Real* query_gradient, Real* key_gradient,
                        Real* value_gradient);

}  // namespace showtell::cuda
