#include "model/inference.h"

#include <algorithm>
#include <numeric>

#include "ops/gather_rows.h"
#include "ops/linear.h"
#include "ops/lstm.h"
#include "ops/normalization.h"

namespace showtell {

namespace {

// Grids of so many images are large enough for efficient products and small enough for the cache.
constexpr Index kImagesTogether = 8;

void affine(CpuContext& context, Index rows, const float* x, const Affine& map, float* out) {
  linear(context, rows, x, map.weight, map.bias, out);
}

/// Moves the rows `used` (ascending) to the front.
void compact(AlignedBuffer& buffer, Index columns, const std::vector<std::int32_t>& used) {
  if (buffer.size() == 0) return;
  for (std::size_t row = 0; row < used.size(); ++row) {
    if (used[row] == static_cast<std::int32_t>(row)) continue;
    std::memcpy(buffer.data() + static_cast<Index>(row) * columns, buffer.data() + used[row] * columns,
                static_cast<std::size_t>(columns) * sizeof(float));
  }
}

}  // namespace

Index DecoderState::bytes() const {
  Index floats = attention.size() + spare.size();
  for (const auto& buffer : hidden) floats += buffer.size();
  for (const auto& buffer : cell) floats += buffer.size();
  if (images) floats += images->projected.size();
  return floats * static_cast<Index>(sizeof(float)) + (images ? images->cells.bytes() : 0);
}

void Inference::prepare(CpuContext& context) {
  if (ready_) return;
  weights_ = InferenceWeights(context, spec_, parameters_);
  token_gates_.reset(spec_.vocab_size, 4 * spec_.hidden_size);
  ready_ = true;
}

DecoderState Inference::start(CpuContext& context, const FeatureBatch& features) const {
  const Index images = features.images;
  const Index hidden = spec_.hidden_size;
  const float* pooled = features.pooled;
  if (spec_.normalization == Normalization::layer) {
    float* normalized = context.arena.floats(images * spec_.feature_size);
    const NormalizationPointers& own = parameters_.image_normalization;
    normalize_rows(context, images, spec_.feature_size, pooled, kLayerNormEpsilon, own.gamma, own.beta, nullptr,
                   nullptr, normalized);
    pooled = normalized;
  }
  DecoderState state;
  auto memory = std::make_shared<ImageMemory>();
  state.rows = state.parents = images;
  for (Index row = 0; row < images; ++row) state.image_of_row.push_back(static_cast<std::int32_t>(row));
  state.parent_of_row = state.image_of_row;
  state.hidden.resize(static_cast<std::size_t>(spec_.layer_count));
  state.cell.resize(static_cast<std::size_t>(spec_.layer_count));
  if (spec_.image_injection == ImageInjection::first_input) {
    memory->projected = AlignedBuffer(images * spec_.embedding_size);
    affine(context, images, pooled, weights_.image, memory->projected.data());
  } else {
    const Index width = spec_.layer_count * hidden;
    float* initial = context.arena.floats(images * width);
    const auto fill = [&](const Affine& map, std::vector<AlignedBuffer>& layers) {
      affine(context, images, pooled, map, initial);
      context.kernels.tanh(initial, images * width);
      for (Index layer = 0; layer < spec_.layer_count; ++layer) {
        AlignedBuffer& own = layers[static_cast<std::size_t>(layer)];
        own = AlignedBuffer(images * hidden);
        for (Index row = 0; row < images; ++row) {
          std::memcpy(own.data() + row * hidden, initial + row * width + layer * hidden,
                      static_cast<std::size_t>(hidden) * sizeof(float));
        }
      }
    };
    fill(weights_.image_hidden, state.hidden);
    fill(weights_.image_cell, state.cell);
  }
  if (spec_.has_attention) {
    const Index size = spec_.attention_size;
    const Index cells = features.cells;
    state.cells = cells;
    memory->cells = AttentionMemory(images, cells, size);
    const Index most = std::min(images, kImagesTogether);
    float* values = context.arena.floats(most * cells * size);
    float* keys = context.arena.floats(most * cells * size);
    for (Index first = 0; first < images; first += most) {
      const Index count = std::min(most, images - first);
      affine(context, count * cells, features.grid + first * cells * spec_.grid_feature_size, weights_.value, values);
      context.kernels.relu(values, count * cells * size);
      linear(context, count * cells, values, weights_.key, nullptr, keys);
      arrange_memory(context, first, count, cells, spec_.attention_heads, size, keys, values, memory->cells);
    }
  }
  state.images = std::move(memory);
  return state;
}

void Inference::gather(DecoderState& state, const std::int32_t* rows, Index count) const {
  const auto pick = [&](std::vector<std::int32_t>& list) {
    std::vector<std::int32_t> picked(static_cast<std::size_t>(count));
    for (std::size_t row = 0; row < picked.size(); ++row) picked[row] = list[static_cast<std::size_t>(rows[row])];
    list = std::move(picked);
  };
  pick(state.image_of_row);
  pick(state.parent_of_row);
  std::vector<std::int32_t> place(static_cast<std::size_t>(state.parents), -1), used;
  for (const auto parent : state.parent_of_row) place[static_cast<std::size_t>(parent)] = 0;
  for (std::int32_t parent = 0; parent < state.parents; ++parent) {
    if (place[static_cast<std::size_t>(parent)] < 0) continue;
    place[static_cast<std::size_t>(parent)] = static_cast<std::int32_t>(used.size());
    used.push_back(parent);
  }
  for (auto& parent : state.parent_of_row) parent = place[static_cast<std::size_t>(parent)];
  for (auto& buffer : state.hidden) compact(buffer, spec_.hidden_size, used);
  for (auto& buffer : state.cell) compact(buffer, spec_.hidden_size, used);
  if (state.attention.size() > 0) {
    AlignedBuffer picked(count * state.cells);
    for (Index row = 0; row < count; ++row) {
      std::copy_n(state.attention.data() + rows[row] * state.cells, state.cells, picked.data() + row * state.cells);
    }
    state.attention = std::move(picked);
  }
  state.rows = count;
  state.parents = static_cast<Index>(used.size());
}

void Inference::input_gates(CpuContext& context, Index layer, Index rows, const float* x, float* gates) const {
  const auto at = static_cast<std::size_t>(layer);
  if (spec_.normalization == Normalization::layer) {
    const Index size = spec_.input_size(layer);
    const NormalizationPointers& own = parameters_.layers[at].normalization;
    float* normalized = context.arena.floats(rows * size);
    normalize_rows(context, rows, size, x, kLayerNormEpsilon, own.gamma, own.beta, nullptr, nullptr, normalized);
    x = normalized;
  }
  affine(context, rows, x, weights_.input[at], gates);
}

void Inference::image_gates(CpuContext& context, const DecoderState& state, float* gates) const {
  const Index size = spec_.embedding_size;
  float* projected = context.arena.floats(state.rows * size);
  gather_rows(context, state.rows, size, state.images->projected.data(), state.image_of_row.data(), projected);
  input_gates(context, 0, state.rows, projected, gates);
}

void Inference::word_gates(CpuContext& context, const std::int32_t* tokens, Index count, float* gates) const {
  const Index size = spec_.embedding_size;
  float* words = context.arena.floats(count * size);
  gather_rows(context, count, size, parameters_.embedding, tokens, words);
  input_gates(context, 0, count, words, gates);
}

const float* Inference::advance(CpuContext& context, DecoderState& state, const std::int32_t* tokens,
                                bool keep_attention) {
  const Index rows = state.rows;
  const Index hidden = spec_.hidden_size;
  const bool from_zeros = state.hidden.front().size() == 0;
  float* gates = context.arena.floats(rows * 4 * hidden);
  float* recurrent_gates = from_zeros ? nullptr : context.arena.floats(state.parents * 4 * hidden);
  LstmStep step;
  step.rows = rows;
  step.hidden = hidden;
  step.hard_sigmoid = spec_.hard_sigmoid;
  step.recurrent_gates = recurrent_gates;
  step.parent_of_row = state.parent_of_row.data();
  const float* below = nullptr;
  for (Index layer = 0; layer < spec_.layer_count; ++layer) {
    const auto at = static_cast<std::size_t>(layer);
    step.gates = gates;
    step.gates_of_row = nullptr;
    if (layer > 0) {
      input_gates(context, layer, rows, below, gates);
    } else if (state.steps == 0 && spec_.image_injection == ImageInjection::first_input) {
      image_gates(context, state, gates);
    } else if (token_gates_.enabled()) {
      token_gates_.fill(context, tokens, rows, [&](const std::int32_t* fresh, Index count, float* out) {
        word_gates(context, fresh, count, out);
      });
      step.gates = token_gates_.data();
      step.gates_of_row = tokens;
    } else {
      word_gates(context, tokens, rows, gates);
    }
    AlignedBuffer& output = state.hidden[at];
    if (!from_zeros) {
      gemm(context, state.parents, {output.data(), hidden}, weights_.recurrent[at], {}, recurrent_gates, 4 * hidden);
    }
    output.reserve(rows * hidden);
    state.spare.reserve(rows * hidden);
    step.parent_cell = from_zeros ? nullptr : state.cell[at].data();
    step.cell = state.spare.data();
    step.output = output.data();
    lstm_step(context, step);
    std::swap(state.cell[at], state.spare);
    below = output.data();
  }
  state.parents = rows;
  state.parent_of_row.resize(static_cast<std::size_t>(rows));
  std::iota(state.parent_of_row.begin(), state.parent_of_row.end(), 0);
  if (spec_.has_attention) below = attend(context, state, below, keep_attention);
  if (spec_.has_output_projection()) {
    float* projected = context.arena.floats(rows * spec_.embedding_size);
    linear(context, rows, below, weights_.projection, nullptr, projected);
    below = projected;
  }
  ++state.steps;
  return below;
}

const float* Inference::attend(CpuContext& context, DecoderState& state, const float* below,
                               bool keep_attention) const {
  const Index rows = state.rows;
  const Index hidden = spec_.hidden_size;
  const Index size = spec_.attention_size;
  // A line wider than needed: rows a power of two apart would share the few places of one cache set.
  const Index width = round_up(hidden + size, kAlignedFloats) + kAlignedFloats;
  float* queries = context.arena.floats(rows * size);
  float* joined = context.arena.floats(rows * width);
  float* attended = context.arena.floats(rows * hidden);
  linear(context, rows, below, weights_.query, nullptr, queries);
  if (keep_attention) state.attention.reserve(rows * state.cells);
  attention_step(context, rows, state.cells, spec_.attention_heads, size, state.image_of_row.data(), queries,
                 state.images->cells, joined + hidden, width, keep_attention ? state.attention.data() : nullptr);
  for (Index row = 0; row < rows; ++row) std::copy_n(below + row * hidden, hidden, joined + row * width);
  const Affine& output = weights_.attention;
  gemm(context, rows, {joined, width}, output.weight, {output.bias}, attended, hidden);
  context.kernels.tanh(attended, rows * hidden);
  return attended;
}

}  // namespace showtell
