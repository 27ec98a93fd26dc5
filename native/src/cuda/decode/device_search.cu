#include "cuda/decode/device_search.h"

namespace showtell::cuda {

namespace {
// Longer searches are queued kernel by kernel: their graph would cost more to build than it saves.
constexpr int kMostRecordedSteps = 128;
}  // namespace

DeviceSearch::DeviceSearch(const DecoderNetwork& network, const SearchShape& shape)
    : network_(network), shape_(shape), memory_(network.spec(), shape) {
  const DecoderSpec& spec = network.spec();
  const Index rows = shape.images * shape.beam_width;
  DecoderNetwork::reserve(spec, network.precision(), shape.images, shape.cells, images_);
  for (auto& state : states_) state.reserve(spec, network.precision(), rows);
  scratch_.reserve(spec, network.precision(), rows);
  memory_.clear_results(stream_);
  if (network.choice().record && shape.max_length <= kMostRecordedSteps) graph_.record(stream_, [&] { record(); });
}

Index DeviceSearch::bytes() const {
  return SearchMemory::bytes(network_.spec(), shape_) + images_.bytes() + states_[0].bytes() + states_[1].bytes() +
         scratch_.bytes();
}

void DeviceSearch::record() {
  const SearchState& state = memory_.state();
  check(launch_search_start(stream_, state));
  DeviceFeatures features;
  features.pooled = memory_.pooled();
  features.grid = memory_.grid();
  features.image_count = state.row_count;  // one hypothesis an image at length 0
  features.most_images = shape_.images;
  features.cells = shape_.cells;
  network_.encode_images(network_.on(stream_), features, images_, states_[0]);
  for (int step = 0; step < shape_.max_length; ++step) record_step(step);
  check(launch_captions(network_.on(stream_), state));
}

void DeviceSearch::record_step(int step) {
  const DecodeStream stream = network_.on(stream_);
  const SearchState& state = memory_.state();
  const Index begin = static_cast<Index>(step) * state.row_capacity;
  StepRows rows;
  rows.row_count = state.row_count + step;
  rows.most_rows = step == 0 ? shape_.images : state.row_capacity;
  rows.tokens = state.token + begin;
  rows.sources = state.source + begin;
  rows.images = state.image + begin;
  rows.group_first_row = state.first_row;
  rows.group_rows = state.live;
  rows.most_groups = shape_.images;
  rows.cells = shape_.cells;
  LogitsMap logits;
  logits.product.inputs[0].operand =
      network_.advance(stream, rows, step == 0, images_, states_[step % 2], states_[(step + 1) % 2], scratch_, nullptr);
  logits.product.inputs[0].columns = logits.product.inputs[0].operand.stride;
  logits.product.weight = network_.weights().output.weight.view();
  logits.product.row_count = rows.row_count;
  logits.bias = network_.weights().output.bias.data();
  logits.columns = network_.weights().output.columns;
  logits.logits = state.logits;
  logits.ranges = state.ranges;
  check(launch_logits(stream, rows.most_rows, logits));
  check(launch_candidates(stream, state, step));
  check(launch_beam_step(stream, state, step));
}

void DeviceSearch::begin(const FeatureBatch& features, const SearchOptions& options) {
  memory_.upload(stream_, features, options);
  if (graph_.is_recorded()) {
    graph_.launch(stream_);
  } else {
    record();
  }
  memory_.download(stream_);
}

void DeviceSearch::finish(GeneratedCaptions& out) {
  stream_.synchronize();
  memory_.read(out);
}

}  // namespace showtell::cuda
