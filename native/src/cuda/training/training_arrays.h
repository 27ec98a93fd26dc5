// Every array that a captured step keeps on the device between its kernels. Legend as in batch_lists.h; H = hidden
// size, S = attention size. Rows are padded to row_stride<Real>(columns).
#pragma once

#include <algorithm>
#include <type_traits>
#include <vector>

#include "cuda/training/batch_lists.h"
#include "cuda/training/element.h"
#include "cuda/training/normalization.h"
#include "cuda/training/optimizer.h"
#include "cuda/training/placement.h"
#include "cuda/training/rows.h"

namespace showtell::cuda {

/// A matrix with its rows apart by `stride` elements.
template <typename T>
struct Rows {
  T* data = nullptr;
  Index stride = 0;
  Rows() = default;
  Rows(T* data_, Index stride_) : data(data_), stride(stride_) {}
  /// What may be written may be read.
  template <typename U, typename = std::enable_if_t<std::is_same_v<const U, T>>>
  Rows(const Rows<U>& other) : data(other.data), stride(other.stride) {}
  Rows from_row(Index row) const { return {data + row * stride, stride}; }
  Rows from_column(Index column) const { return {data + column, stride}; }
};

/// What a normalization keeps for the way back and for the running statistics.
template <typename Real>
struct NormalizationArrays {
  Rows<Real> y;
  float* mean = nullptr;    // batch: by column; layer: by row
  float* spread = nullptr;  // batch: variance; layer: 1 / deviation
};

template <typename Real>
struct LayerArrays {
  NormalizationArrays<Real> normalization;
  Rows<Real> input;       // [T * B, input size] what the input weight multiplies
  Rows<Real> gates;       // [T * B, 4H]
  Rows<Real> hidden;      // [(T + 1) * B, H]: the state before step 0, then the outputs
  Rows<Real> hidden_in;   // [T * B, H] what the recurrent weight multiplies
  float* cell = nullptr;  // [(T + 1) * B, H]: likewise
};

/// A stack of layers that one call of cuDNN computes. The states are those before step 0, layer by layer.
template <typename Real>
struct StackArrays {
  Rows<Real> output;                          // [T * B, H]
  Rows<Real> hidden, cell;                    // [layers * B, H] with initial-state
  Rows<Real> hidden_gradient, cell_gradient;  // likewise
  char* reserve = nullptr;
};

/// How a training's layers are cut into calls of cuDNN, and what a call of one batch shape needs.
struct LstmCalls {
  Index layers_together = 0;  // 0: no calls, our own kernels
  Index workspace_bytes = 0, reserve_bytes = 0;
};

/// What bounds the arrays beside the batch.
struct TrainingLimits {
  Index parameters;  // trainable ones
  Index logits;      // in memory at one time
};

template <typename Real>
struct TrainingArrays {
  /// `base` null: measures alone. `training`: with dropout and the arrays of the way back.
  TrainingArrays(void* base, const DecoderSpec& spec, const BatchShape& shape, bool training,
                 const TrainingLimits& limits, const LstmCalls& calls);

  Rows<Real> pooled_cast, grid_cast;  // the features as halves
  NormalizationArrays<Real> image_normalization;
  Rows<Real> caption_features;                  // [B, features] with initial-state and image dropout
  Rows<Real> projected;                         // [images, embedding] with first-input
  Rows<Real> projected_hidden, projected_cell;  // [projection rows, layers * H] with initial-state
  Rows<Real> embedded;                          // [T * B, embedding]
  std::vector<LayerArrays<Real>> layers;
  std::vector<StackArrays<Real>> stacks;  // none: each layer has its own arrays
  char* lstm_workspace = nullptr;

  Rows<Real> values, keys;            // [images * cells, S]
  Rows<Real> sorted_hidden, queries;  // [N, H], [N, S]
  Real* attention_weights = nullptr;  // [N, heads, cells]
  Rows<Real> joined;                  // [N, H + S] after dropout
  Rows<Real> attended;                // [N, H] before dropout
  Rows<Real> output_input;            // [N, H] after dropout
  Rows<Real> output_projected;        // [N, embedding] with an output projection
  Rows<Real> logits;                  // [logit_rows, vocabulary]
  Index logit_rows = 0;
  float* losses = nullptr;  // [N]

  // The way back
  Rows<Real> output_gradient, output_projected_gradient, joined_gradient, query_gradient, key_gradient, value_gradient;
  Real* score_gradient = nullptr;
  Rows<Real> row_gradients[2];          // [T * B, the widest layer input]: of a layer's output and of its input
  float* recurrent_gradient = nullptr;  // [B, H]
  float* cell_gradient = nullptr;       // [B, H]
  Rows<Real> projected_gradient, projected_hidden_gradient, projected_cell_gradient;
  Rows<Real> feature_gradient, image_feature_gradient;
  float* scratch[2] = {};        // of column sums and normalization, one a lane
  double* norm_parts = nullptr;  // of the global norm
  Index projection_rows = 0;
  Index bytes = 0;

 private:
  NormalizationArrays<Real> place_normalization(Placement& place, const DecoderSpec& spec, Index rows, Index columns);
};

constexpr Index kFewestLogitRows = 64;

template <typename Real>
Rows<Real> place_rows(Placement& place, Index rows, Index columns) {
  const Index stride = row_stride<Real>(columns);
  return {place.take<Real>(rows * stride), stride};
}

template <typename Real>
NormalizationArrays<Real> TrainingArrays<Real>::place_normalization(Placement& place, const DecoderSpec& spec,
                                                                    Index rows, Index columns) {
  NormalizationArrays<Real> arrays;
  if (spec.normalization == Normalization::none) return arrays;
  arrays.y = place_rows<Real>(place, rows, columns);
  const Index statistics = spec.normalization == Normalization::batch ? columns : rows;
  arrays.mean = place.take<float>(statistics);
  arrays.spread = place.take<float>(statistics);
  return arrays;
}

template <typename Real>
TrainingArrays<Real>::TrainingArrays(void* base, const DecoderSpec& spec, const BatchShape& shape, bool training,
                                     const TrainingLimits& limits, const LstmCalls& calls) {
  Placement place(base);
  const auto matrix = [&](Index rows, Index columns) { return place_rows<Real>(place, rows, columns); };
  const DropoutRates none;
  const DropoutRates& dropout = training ? spec.dropout : none;
  const Index rows = shape.rows(), tokens = shape.tokens, hidden = spec.hidden_size, embedding = spec.embedding_size;
  const Index all_cells = shape.images * shape.cells, size = spec.attention_size, features = spec.feature_size;
  const bool from_state = spec.image_injection == ImageInjection::initial_state;
  const bool half_features = sizeof(Real) == 2;

  if (half_features) pooled_cast = matrix(shape.images, features);
  image_normalization = place_normalization(place, spec, shape.images, features);
  const bool by_caption = from_state && dropout.image > 0;
  projection_rows = by_caption ? shape.captions : shape.images;
  if (by_caption) caption_features = matrix(shape.captions, features);
  if (from_state) {
    projected_hidden = matrix(projection_rows, spec.layer_count * hidden);
    projected_cell = matrix(projection_rows, spec.layer_count * hidden);
  } else {
    projected = matrix(shape.images, embedding);
  }
  embedded = matrix(rows, embedding);
  for (Index layer = 0; layer < spec.layer_count; ++layer) {
    const Index columns = spec.input_size(layer);
    LayerArrays<Real> arrays;
    arrays.normalization = place_normalization(place, spec, rows, columns);
    if (dropout.input > 0) arrays.input = matrix(rows, columns);
    if (calls.layers_together == 0) {
      arrays.gates = matrix(rows, 4 * hidden);
      arrays.hidden = matrix(rows + shape.captions, hidden);
      arrays.hidden_in = dropout.recurrent > 0 ? matrix(rows, hidden) : arrays.hidden;
      arrays.cell = place.take<float>((rows + shape.captions) * hidden);
    }
    layers.push_back(arrays);
  }
  if (calls.layers_together > 0) {
    const Index states = calls.layers_together * shape.captions;
    for (Index layer = 0; layer < spec.layer_count; layer += calls.layers_together) {
      StackArrays<Real> arrays;
      arrays.output = matrix(rows, hidden);
      if (from_state) {
        arrays.hidden = matrix(states, hidden);
        arrays.cell = matrix(states, hidden);
        if (training) {
          arrays.hidden_gradient = matrix(states, hidden);
          arrays.cell_gradient = matrix(states, hidden);
        }
      }
      arrays.reserve = place.take<char>(calls.reserve_bytes);
      stacks.push_back(arrays);
    }
    lstm_workspace = place.take<char>(calls.workspace_bytes);
  }
  if (spec.has_attention) {
    if (half_features) grid_cast = matrix(all_cells, spec.grid_feature_size);
    values = matrix(all_cells, size);
    keys = matrix(all_cells, size);
    joined = matrix(tokens, hidden + size);
    sorted_hidden = dropout.attention_output > 0 ? matrix(tokens, hidden) : joined;
    queries = matrix(tokens, size);
    attention_weights = place.take<Real>(tokens * spec.attention_heads * shape.cells);
    attended = matrix(tokens, hidden);
  }
  output_input = spec.has_attention && dropout.output == 0 ? attended : matrix(tokens, hidden);
  if (spec.has_output_projection()) output_projected = matrix(tokens, embedding);
  logit_rows = std::min(tokens, std::max(kFewestLogitRows, limits.logits / spec.vocab_size));
  logits = matrix(logit_rows, spec.vocab_size);
  losses = place.take<float>(tokens);
  if (training) {
    const Index widest = std::max(embedding, hidden);
    output_gradient = matrix(tokens, hidden);
    if (spec.has_output_projection()) output_projected_gradient = matrix(tokens, embedding);
    if (spec.has_attention) {
      joined_gradient = matrix(tokens, hidden + size);
      query_gradient = matrix(tokens, size);
      key_gradient = matrix(all_cells, size);
      value_gradient = matrix(all_cells, size);
      score_gradient = place.take<Real>(tokens * spec.attention_heads * shape.cells);
    }
    for (auto& gradients : row_gradients) gradients = {place.take<Real>(rows * row_stride<Real>(widest)), 0};
    if (stacks.empty()) {
      recurrent_gradient = place.take<float>(shape.captions * hidden);
      cell_gradient = place.take<float>(shape.captions * hidden);
    }
    if (from_state) {
      projected_hidden_gradient = matrix(projection_rows, spec.layer_count * hidden);
      projected_cell_gradient = matrix(projection_rows, spec.layer_count * hidden);
    } else {
      projected_gradient = matrix(shape.images, embedding);
    }
    if (spec.normalization != Normalization::none) {
      feature_gradient = matrix(projection_rows, features);
      if (by_caption) image_feature_gradient = matrix(shape.images, features);
    }
    norm_parts = place.take<double>(norm_scratch(limits.parameters));
    const Index most_rows = std::max({rows, tokens, all_cells, projection_rows, shape.images});
    const Index most_columns =
        std::max({4 * hidden, embedding, size, spec.vocab_size, spec.layer_count * hidden, features});
    for (auto& one : scratch) {
      one = place.take<float>(
          std::max(column_sum_scratch(most_rows, most_columns), normalization_scratch(most_rows, most_columns)));
    }
  }
  bytes = place.bytes();
}

}  // namespace showtell::cuda
