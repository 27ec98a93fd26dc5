#include "model/inference.h"

#include "ops/attention.h"
#include "ops/gather_rows.h"
#include "ops/linear.h"
#include "ops/lstm.h"
#include "ops/normalization.h"

namespace showtell {

namespace {
// Beyond it the table of input gates would cost more memory than the product saves time.
constexpr Index kMostTableFloats = Index{1} << 26;
}  // namespace

Index DecoderState::bytes() const {
  Index floats = attention.size() + spare.size();
  for (const auto& buffer : hidden) floats += buffer.size();
  for (const auto& buffer : cell) floats += buffer.size();
  if (images) floats += images->projected.size() + images->keys_transposed.size() + images->values.size();
  return floats * static_cast<Index>(sizeof(float));
}

void Inference::prepare(CpuContext& context) {
  if (ready_) return;
  const Index hidden = spec_.hidden_size;
  const auto pack = [&](PackedMatrix& matrix, const float* weight, Index rows, Index columns) {
    matrix.pack(context, rows, columns, {weight, columns});
  };
  input_.resize(static_cast<std::size_t>(spec_.layer_count));
  recurrent_.resize(static_cast<std::size_t>(spec_.layer_count));
  for (Index layer = 0; layer < spec_.layer_count; ++layer) {
    const auto at = static_cast<std::size_t>(layer);
    pack(input_[at], parameters_.layers[at].input_weight, spec_.input_size(layer), 4 * hidden);
    pack(recurrent_[at], parameters_.layers[at].recurrent_weight, hidden, 4 * hidden);
  }
  if (spec_.image_injection == ImageInjection::first_input) {
    pack(image_, parameters_.image_weight, spec_.feature_size, spec_.embedding_size);
  } else {
    pack(image_hidden_, parameters_.image_hidden_weight, spec_.feature_size, spec_.layer_count * hidden);
    pack(image_cell_, parameters_.image_cell_weight, spec_.feature_size, spec_.layer_count * hidden);
  }
  if (spec_.has_attention) {
    pack(value_, parameters_.value_weight, spec_.grid_feature_size, spec_.attention_size);
    pack(key_, parameters_.key_weight, spec_.attention_size, spec_.attention_size);
    pack(query_, parameters_.query_weight, hidden, spec_.attention_size);
    pack(attention_, parameters_.attention_weight, hidden + spec_.attention_size, hidden);
  }
  if (spec_.has_output_projection()) pack(projection_, parameters_.output_projection, hidden, spec_.embedding_size);
  if (spec_.tied_weights) {
    output_.pack(context, spec_.embedding_size, spec_.vocab_size,
                 {parameters_.embedding, spec_.embedding_size, Transpose::yes});
  } else {
    pack(output_, parameters_.output_weight, hidden, spec_.vocab_size);
  }
  const Index table = spec_.vocab_size * 4 * hidden;
  if (table <= kMostTableFloats) {
    token_gates_.reserve(table);
    token_known_.assign(static_cast<std::size_t>(spec_.vocab_size), 0);
  }
  ready_ = true;
}

void Inference::normalize(CpuContext& context, Index rows, Index columns, const NormalizationPointers& normalization,
                          const float* x, float* y) const {
  if (spec_.normalization == Normalization::batch) {
    normalize_columns(context, rows, columns, x, normalization.running_mean, normalization.running_variance,
                      kBatchNormEpsilon, normalization.gamma, normalization.beta, y);
  } else {
    normalize_rows(context, rows, columns, x, kLayerNormEpsilon, normalization.gamma, normalization.beta, nullptr,
                   nullptr, y);
  }
}

DecoderState Inference::start(CpuContext& context, const FeatureBatch& features) {
  prepare(context);
  const Index images = features.images;
  const Index hidden = spec_.hidden_size;
  const float* pooled = features.pooled;
  if (spec_.normalization != Normalization::none) {
    float* normalized = context.arena.floats(images * spec_.feature_size);
    normalize(context, images, spec_.feature_size, parameters_.image_normalization, pooled, normalized);
    pooled = normalized;
  }
  DecoderState state;
  auto memory = std::make_shared<ImageMemory>();
  state.rows = images;
  state.image_of_row.resize(static_cast<std::size_t>(images));
  for (Index row = 0; row < images; ++row)
    state.image_of_row[static_cast<std::size_t>(row)] = static_cast<std::int32_t>(row);
  for (Index layer = 0; layer < spec_.layer_count; ++layer) {
    state.hidden.push_back(AlignedBuffer::zeros(images * hidden));
    state.cell.push_back(AlignedBuffer::zeros(images * hidden));
  }
  if (spec_.image_injection == ImageInjection::first_input) {
    memory->projected = AlignedBuffer(images * spec_.embedding_size);
    linear(context, images, pooled, image_, parameters_.image_bias, memory->projected.data());
  } else {
    const Index width = spec_.layer_count * hidden;
    float* initial = context.arena.floats(images * width);
    const auto fill = [&](const PackedMatrix& weight, const float* bias, std::vector<AlignedBuffer>& layers) {
      linear(context, images, pooled, weight, bias, initial);
      context.kernels.tanh(initial, images * width);
      for (Index row = 0; row < images; ++row) {
        for (Index layer = 0; layer < spec_.layer_count; ++layer) {
          std::memcpy(layers[static_cast<std::size_t>(layer)].data() + row * hidden,
                      initial + row * width + layer * hidden, static_cast<std::size_t>(hidden) * sizeof(float));
        }
      }
    };
    fill(image_hidden_, parameters_.image_hidden_bias, state.hidden);
    fill(image_cell_, parameters_.image_cell_bias, state.cell);
  }
  if (spec_.has_attention) {
    const Index size = spec_.attention_size;
    const Index cells = features.cells;
    state.cells = cells;
    memory->values = AlignedBuffer(images * cells * size);
    memory->keys_transposed = AlignedBuffer(images * size * round_up(cells, kKeyStride));
    float* values = memory->values.data();
    linear(context, images * cells, features.grid, value_, parameters_.value_bias, values);
    context.kernels.relu(values, images * cells * size);
    float* keys = context.arena.floats(images * cells * size);
    linear(context, images * cells, values, key_, nullptr, keys);
    transpose_keys(context, images, cells, size, keys, memory->keys_transposed.data());
  }
  state.images = std::move(memory);
  return state;
}

void Inference::gather(CpuContext& context, DecoderState& state, const std::int32_t* rows, Index count) const {
  const auto gather = [&](AlignedBuffer& buffer, Index columns) {
    state.spare.reserve(count * columns);
    gather_rows(context, count, columns, buffer.data(), rows, state.spare.data());
    std::swap(buffer, state.spare);
  };
  std::vector<std::int32_t> image_of_row(static_cast<std::size_t>(count));
  for (Index row = 0; row < count; ++row) {
    image_of_row[static_cast<std::size_t>(row)] = state.image_of_row[static_cast<std::size_t>(rows[row])];
  }
  for (auto& buffer : state.hidden) gather(buffer, spec_.hidden_size);
  for (auto& buffer : state.cell) gather(buffer, spec_.hidden_size);
  if (state.attention.size() > 0) gather(state.attention, state.cells);
  state.image_of_row = std::move(image_of_row);
  state.rows = count;
}

void Inference::word_gates(CpuContext& context, const std::int32_t* tokens, Index count, float* gates) const {
  const Index size = spec_.embedding_size;
  float* words = context.arena.floats(count * size);
  gather_rows(context, count, size, parameters_.embedding, tokens, words);
  if (spec_.normalization != Normalization::none) {
    normalize(context, count, size, parameters_.layers[0].normalization, words, words);
  }
  linear(context, count, words, input_[0], parameters_.layers[0].bias, gates);
}

void Inference::fill_token_gates(CpuContext& context, const std::int32_t* tokens, Index count) {
  std::vector<std::int32_t> fresh;
  for (Index row = 0; row < count; ++row) {
    auto& known = token_known_[static_cast<std::size_t>(tokens[row])];
    if (known == 0) fresh.push_back(tokens[row]);
    known = 1;
  }
  if (fresh.empty()) return;
  const auto size = static_cast<Index>(fresh.size());
  const Index width = 4 * spec_.hidden_size;
  float* gates = context.arena.floats(size * width);
  word_gates(context, fresh.data(), size, gates);
  for (Index row = 0; row < size; ++row) {
    std::memcpy(token_gates_.data() + fresh[static_cast<std::size_t>(row)] * width, gates + row * width,
                static_cast<std::size_t>(width) * sizeof(float));
  }
}

void Inference::first_layer_gates(CpuContext& context, const DecoderState& state, const std::int32_t* tokens,
                                  float* gates) {
  const Index rows = state.rows;
  if (state.steps == 0 && spec_.image_injection == ImageInjection::first_input) {
    const Index size = spec_.embedding_size;
    float* projected = context.arena.floats(rows * size);
    gather_rows(context, rows, size, state.images->projected.data(), state.image_of_row.data(), projected);
    if (spec_.normalization != Normalization::none) {
      normalize(context, rows, size, parameters_.layers[0].normalization, projected, projected);
    }
    linear(context, rows, projected, input_[0], parameters_.layers[0].bias, gates);
  } else if (token_known_.empty()) {
    word_gates(context, tokens, rows, gates);
  } else {
    fill_token_gates(context, tokens, rows);
    gather_rows(context, rows, 4 * spec_.hidden_size, token_gates_.data(), tokens, gates);
  }
}

const float* Inference::advance(CpuContext& context, DecoderState& state, const std::int32_t* tokens,
                                bool keep_attention) {
  prepare(context);
  const Index rows = state.rows;
  const Index hidden = spec_.hidden_size;
  float* gates = context.arena.floats(rows * 4 * hidden);
  const float* below = nullptr;
  for (Index layer = 0; layer < spec_.layer_count; ++layer) {
    const auto at = static_cast<std::size_t>(layer);
    const auto& own = parameters_.layers[at];
    if (layer == 0) {
      first_layer_gates(context, state, tokens, gates);
    } else {
      if (spec_.normalization != Normalization::none) {
        float* normalized = context.arena.floats(rows * hidden);
        normalize(context, rows, hidden, own.normalization, below, normalized);
        below = normalized;
      }
      linear(context, rows, below, input_[at], own.bias, gates);
    }
    float* output = state.hidden[at].data();
    gemm(context, rows, {output, hidden}, recurrent_[at], gates, 4 * hidden, true);
    lstm_step(context, rows, hidden, spec_.hard_sigmoid, gates, state.cell[at].data(), output);
    below = output;
  }
  if (spec_.has_attention) {
    const Index size = spec_.attention_size;
    const Index width = hidden + size;
    float* queries = context.arena.floats(rows * size);
    float* joined = context.arena.floats(rows * width);
    float* attended = context.arena.floats(rows * hidden);
    linear(context, rows, below, query_, nullptr, queries);
    if (keep_attention) state.attention.reserve(rows * state.cells);
    attention_step(context, rows, state.cells, spec_.attention_heads, size, state.image_of_row.data(), queries,
                   state.images->keys_transposed.data(), state.images->values.data(), joined + hidden, width,
                   keep_attention ? state.attention.data() : nullptr);
    for (Index row = 0; row < rows; ++row) {
      std::memcpy(joined + row * width, below + row * hidden, static_cast<std::size_t>(hidden) * sizeof(float));
    }
    linear(context, rows, joined, attention_, parameters_.attention_bias, attended);
    context.kernels.tanh(attended, rows * hidden);
    below = attended;
  }
  if (spec_.has_output_projection()) {
    float* projected = context.arena.floats(rows * spec_.embedding_size);
    linear(context, rows, below, projection_, nullptr, projected);
    below = projected;
  }
  ++state.steps;
  return below;
}

}  // namespace showtell
