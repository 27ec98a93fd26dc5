#include "cuda/decode/cuda_inference.h"

#include <algorithm>

#include "cuda/decode/attention_step.h"
#include "cuda/decode/products.h"
#include "cuda/decode/token_draws.h"

namespace showtell::cuda {

namespace {

constexpr Index kMostSearchBytes = Index{1} << 30;
constexpr std::size_t kMostShapes = 4;  // recorded searches that are kept, for each lane

Index power_of_two_at_least(Index value) {
  Index power = 1;
  while (power < value) power *= 2;
  return power;
}

FeatureBatch part_of(const DecoderSpec& spec, const FeatureBatch& features, Index first, Index count) {
  FeatureBatch part = features;
  part.images = count;
  part.pooled += first * spec.feature_size;
  if (part.grid != nullptr) part.grid += first * features.cells * spec.grid_feature_size;
  return part;
}

}  // namespace

Index CudaDecoderState::bytes() const { return current.bytes() + next.bytes() + (images ? images->bytes() : 0); }

CudaInference::CudaInference(const DecoderSpec& spec, const ParameterPointers& parameters, Precision precision,
                             Index rows_together, const KernelChoice& choice)
    : spec_(spec), network_(spec, parameters, precision, choice), rows_together_(rows_together) {}

Index CudaInference::bytes() const {
  Index bytes = network_.weights().bytes() + scratch_.bytes() +
                (step_rows_.size() + step_drawn_.size() + step_logits_.size() + step_weights_.size() +
                 step_uniforms_.size()) * static_cast<Index>(sizeof(float));
  for (const auto& lane : lanes_) {
    for (const auto& search : lane) bytes += search.bytes();
  }
  return bytes;
}

void CudaInference::prepare() {
  if (ready_) return;
  network_.prepare(stream_);
  stream_.synchronize();
  ready_ = true;
}

void CudaInference::check_cells(const FeatureBatch& features) const {
  if (!spec_.has_attention) return;
  const Index both = features.cells + spec_.attention_size / spec_.attention_heads;
  if (both <= kMostCellsAndHeadSize) return;
  throw Error(ErrorCode::shape, expected("cells and attention head size of at most " +
                                             std::to_string(kMostCellsAndHeadSize) + " together",
                                         "the CUDA device", std::to_string(both)));
}

CudaDecoderState CudaInference::start(const FeatureBatch& features) {
  check_cells(features);
  prepare();
  const Index images = features.images, cells = spec_.has_attention ? features.cells : 0;
  CudaDecoderState state;
  state.rows = images;
  state.cells = cells;
  for (Index image = 0; image < images; ++image) state.image_of_row.push_back(static_cast<std::int32_t>(image));
  state.source_of_row = state.image_of_row;
  state.current.reserve(spec_, network_.precision(), images);
  auto memory = std::make_shared<DeviceImageMemory>();
  DecoderNetwork::reserve(spec_, network_.precision(), images, cells, *memory);
  const auto upload = [&](const float* from, Index count) {
    DeviceBuffer<float> to(count);
    check(cudaMemcpyAsync(to.data(), from, static_cast<std::size_t>(count) * sizeof(float), cudaMemcpyHostToDevice,
                          stream_));
    return to;
  };
  const auto count = static_cast<std::int32_t>(images);
  step_rows_.reserve(1);
  check(cudaMemcpyAsync(step_rows_.data(), &count, sizeof count, cudaMemcpyHostToDevice, stream_));
  const DeviceBuffer<float> pooled = upload(features.pooled, images * spec_.feature_size);
  DeviceBuffer<float> grid;
  if (spec_.has_attention) grid = upload(features.grid, images * cells * spec_.grid_feature_size);
  network_.encode_images(
      network_.on(stream_),
      {pooled.data(), grid.data(), step_rows_.data(), static_cast<int>(images), static_cast<int>(cells)}, *memory,
      state.current);
  stream_.synchronize();
  state.images = std::move(memory);
  return state;
}

void CudaInference::gather(CudaDecoderState& state, const std::int32_t* rows, Index count) const {
  std::vector<std::int32_t> images, sources;
  std::vector<float> attention;
  for (Index at = 0; at < count; ++at) {
    const auto row = static_cast<std::size_t>(rows[at]);
    images.push_back(state.image_of_row[row]);
    sources.push_back(state.source_of_row[row]);
    if (state.attention.empty()) continue;
    const auto begin = state.attention.begin() + rows[at] * state.cells;
    attention.insert(attention.end(), begin, begin + state.cells);
  }
  state.image_of_row = std::move(images);
  state.source_of_row = std::move(sources);
  state.attention = std::move(attention);
  state.rows = count;
}

void CudaInference::step(CudaDecoderState& state, const std::int32_t* tokens, float* logits) {
  take_step(state, tokens, [&] {
    const auto bytes = static_cast<std::size_t>(state.rows * spec_.vocab_size) * sizeof(float);
    check(cudaMemcpyAsync(logits, step_logits_.data(), bytes, cudaMemcpyDeviceToHost, stream_));
  });
}

void CudaInference::sample_step(CudaDecoderState& state, const std::int32_t* tokens, const TokenDraws& draws,
                                std::int32_t* drawn) {
  const auto rows = static_cast<std::size_t>(state.rows);
  const std::vector<float> uniforms(draws.uniforms, draws.uniforms + rows);
  step_uniforms_.reserve(state.rows);
  step_drawn_.reserve(state.rows);
  take_step(state, tokens, [&] {
    check(cudaMemcpyAsync(step_uniforms_.data(), uniforms.data(), rows * sizeof(float), cudaMemcpyHostToDevice,
                          stream_));
    check(launch_token_drawing(network_.on(stream_),
                               {step_logits_.data(), step_uniforms_.data(), static_cast<int>(rows),
                                static_cast<int>(spec_.vocab_size), static_cast<float>(1 / draws.temperature),
                                step_drawn_.data()}));
    check(cudaMemcpyAsync(drawn, step_drawn_.data(), rows * sizeof(std::int32_t), cudaMemcpyDeviceToHost, stream_));
  });
  if (std::find(drawn, drawn + rows, -1) == drawn + rows) return;
  throw logits_not_finite();
}

void CudaInference::take_step(CudaDecoderState& state, const std::int32_t* tokens,
                              const std::function<void()>& use_logits) {
  prepare();
  const Index count = state.rows;
  const auto size = static_cast<std::size_t>(count);
  // Row count, then tokens, sources, images of the rows, then first row, rows, image of the groups.
  std::vector<std::int32_t> rows(1 + 6 * size);
  std::int32_t* at[6];
  for (std::size_t array = 0; array < 6; ++array) at[array] = rows.data() + 1 + array * size;
  rows[0] = static_cast<std::int32_t>(count);
  std::copy_n(tokens, count, at[0]);
  std::copy_n(state.source_of_row.begin(), count, at[1]);
  std::copy_n(state.image_of_row.begin(), count, at[2]);
  Index groups = 0;
  for (Index row = 0; row < count; ++row) {
    if (row > 0 && at[2][row] == at[2][row - 1]) {
      ++at[4][groups - 1];
      continue;
    }
    at[3][groups] = static_cast<std::int32_t>(row);
    at[4][groups] = 1;
    at[5][groups] = at[2][row];
    ++groups;
  }
  step_rows_.reserve(static_cast<Index>(rows.size()));
  check(cudaMemcpyAsync(step_rows_.data(), rows.data(), rows.size() * sizeof(std::int32_t), cudaMemcpyHostToDevice,
                        stream_));
  const auto device = [&](Index array) { return step_rows_.data() + 1 + array * count; };
  const StepRows step{step_rows_.data(),
                      static_cast<int>(count),
                      device(0),
                      device(1),
                      device(2),
                      device(3),
                      device(4),
                      device(5),
                      static_cast<int>(groups),
                      static_cast<int>(state.cells)};
  state.next.reserve(spec_, network_.precision(), count);
  scratch_.reserve(spec_, network_.precision(), count);
  const Index weight_count = spec_.has_attention ? count * spec_.attention_heads * state.cells : 0;
  step_weights_.reserve(weight_count);
  step_logits_.reserve(count * spec_.vocab_size);
  const Operand below = network_.advance(network_.on(stream_), step, state.steps == 0, *state.images, state.current,
                                         state.next, scratch_, step_weights_.data());
  const PackedMap& output = network_.weights().output;
  AffineMap map;
  map.product.inputs[0] = {below, below.stride, nullptr};
  map.product.weight = output.weight.view();
  map.product.row_count = step_rows_.data();
  map.bias = output.bias.data();
  map.floats = step_logits_.data();
  map.float_columns = output.columns;
  check(launch_affine(network_.on(stream_), static_cast<int>(count), output.columns, map));
  use_logits();
  std::vector<float> weights(static_cast<std::size_t>(weight_count));
  if (weight_count > 0) {
    check(cudaMemcpyAsync(weights.data(), step_weights_.data(), weights.size() * sizeof(float), cudaMemcpyDeviceToHost,
                          stream_));
  }
  stream_.synchronize();
  state.attention.assign(static_cast<std::size_t>(spec_.has_attention ? count * state.cells : 0), 0.0f);
  for (Index row = 0; row < count && spec_.has_attention; ++row) {
    for (Index cell = 0; cell < state.cells; ++cell) {
      float total = 0;
      for (Index head = 0; head < spec_.attention_heads; ++head) {
        total += weights[static_cast<std::size_t>((row * spec_.attention_heads + head) * state.cells + cell)];
      }
      state.attention[static_cast<std::size_t>(row * state.cells + cell)] =
          total / static_cast<float>(spec_.attention_heads);
    }
  }
  std::swap(state.current, state.next);
  for (Index row = 0; row < count; ++row) state.source_of_row[static_cast<std::size_t>(row)] = static_cast<int>(row);
  ++state.steps;
}

Index CudaInference::images_together(const SearchShape& shape, Index most) const {
  SearchShape one = shape;
  one.images = 1;
  // Features are there as floats and as operands, keys and values with them; states and scratch follow the rows.
  const Index features = 2 * (spec_.feature_size + shape.cells * (spec_.grid_feature_size + spec_.attention_size));
  const Index state = (4 * spec_.layer_count + 6) * (spec_.hidden_size + spec_.attention_size);
  const Index bytes =
      SearchMemory::bytes(spec_, one) + static_cast<Index>(sizeof(float)) * (features + state * shape.beam_width);
  const Index room = std::min(rows_together_ / shape.beam_width, kMostSearchBytes / bytes);
  Index together = power_of_two_at_least(most);
  while (together > 1 && together > room) together /= 2;
  return together;
}

DeviceSearch& CudaInference::search_of(const SearchShape& shape, std::size_t lane) {
  auto& searches = lanes_[lane];
  for (auto search = searches.begin(); search != searches.end(); ++search) {
    if (!(search->shape() == shape)) continue;
    searches.splice(searches.begin(), searches, search);
    return searches.front();
  }
  if (searches.size() == kMostShapes) searches.pop_back();
  searches.emplace_front(network_, shape);
  return searches.front();
}

void CudaInference::search_all(const FeatureBatch& features, const SearchOptions& options, Index together,
                               GeneratedCaptions& out) {
  DeviceSearch* running[2] = {};
  std::size_t lane = 0;
  for (Index first = 0; first < features.images; first += together, lane = 1 - lane) {
    if (running[lane] != nullptr) running[lane]->finish(out);
    const Index count = std::min(together, features.images - first);
    running[lane] = nullptr;
    DeviceSearch& search = search_of(
        {static_cast<int>(power_of_two_at_least(count)), static_cast<int>(spec_.has_attention ? features.cells : 0),
         static_cast<int>(options.beam_width), static_cast<int>(options.max_length)},
        lane);
    search.begin(part_of(spec_, features, first, count), options);
    running[lane] = &search;
  }
  for (const std::size_t last : {lane, 1 - lane}) {
    if (running[last] != nullptr) running[last]->finish(out);
  }
}

GeneratedCaptions CudaInference::generate(const FeatureBatch& features, const SearchOptions& options) {
  check_search_options(options, spec_.vocab_size);
  if (options.beam_width > kMostBeamWidth) {
    throw Error(ErrorCode::option, expected("1 to " + std::to_string(kMostBeamWidth) + " on the CUDA device",
                                            "beamWidth", std::to_string(options.beam_width)));
  }
  check_cells(features);
  prepare();
  const SearchShape shape{1, static_cast<int>(spec_.has_attention ? features.cells : 0),
                          static_cast<int>(options.beam_width), static_cast<int>(options.max_length)};
  for (Index together = images_together(shape, features.images);; together /= 2) {
    try {
      GeneratedCaptions out;
      search_all(features, options, together, out);
      return out;
    } catch (const Error& error) {
      for (auto& searches : lanes_) {  // one may still be under way
        for (auto& search : searches) search.abandon();
      }
      if (error.code() != ErrorCode::memory || together == 1) throw;
      for (auto& searches : lanes_) searches.clear();  // no room on the device: smaller pieces, nothing kept
    }
  }
}

}  // namespace showtell::cuda
