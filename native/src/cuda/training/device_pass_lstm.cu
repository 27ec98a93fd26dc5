// The layers of the LSTM, one after the other on our own kernels, and what surrounds a layer whoever computes it.
#include "cuda/training/device_pass.h"
#include "cuda/training/lstm_cell.h"

namespace showtell::cuda {

template <typename Real>
Rows<const Real> DevicePass<Real>::forward_layers(Rows<const Real> x) {
  const Index layers = memory_.spec.layer_count;
  if (memory_.lstm == nullptr) {
    for (Index layer = 0; layer < layers; ++layer) x = forward_layer(layer, x);
    return x;
  }
  memory_.lstm->read_weights(lane_.stream);
  for (Index layer = 0; layer < layers; layer += memory_.lstm->layers_together()) x = forward_stack(layer, x);
  return x;
}

/// What the layer's input weight multiplies.
template <typename Real>
Rows<const Real> DevicePass<Real>::prepare_input(Index layer, Rows<const Real> x) {
  const LayerArrays<Real>& arrays = arrays_.layers[static_cast<std::size_t>(layer)];
  const Index rows = memory_.shape.rows(), columns = memory_.spec.input_size(layer);
  layer_inputs_.push_back(x);
  clear_padding(arrays.normalization.y, rows, columns);
  const Rows<const Real> normalized = normalize(layer_normalizer(layer, x));
  if (arrays.input.data != nullptr) {
    clear_padding(arrays.input, rows, columns);
    activate(lane_.stream, Activate<Real>{rows, columns, normalized.data, nullptr, Activation::identity,
                                          input_mask(layer), nullptr, arrays.input.data, arrays.input.stride});
  }
  return layer_input(layer, x);
}

template <typename Real>
Rows<const Real> DevicePass<Real>::layer_input(Index layer, Rows<const Real> x) const {
  const LayerArrays<Real>& arrays = arrays_.layers[static_cast<std::size_t>(layer)];
  if (arrays.input.data != nullptr) return arrays.input;
  return memory_.spec.normalization == Normalization::none ? x : Rows<const Real>(arrays.normalization.y);
}

template <typename Real>
void DevicePass<Real>::set_initial_state(Index layer) {
  const LayerArrays<Real>& arrays = arrays_.layers[static_cast<std::size_t>(layer)];
  const Index captions = memory_.shape.captions, hidden = memory_.spec.hidden_size;
  if (!from_state()) {
    clear(arrays.cell, captions * hidden * static_cast<Index>(sizeof(float)));
    return;
  }
  const std::int32_t* rows = arrays_.caption_features.data == nullptr ? memory_.lists.image_of_caption : nullptr;
  const Rows<Real> from_hidden = arrays_.projected_hidden.from_column(layer * hidden);
  const Rows<Real> from_cell = arrays_.projected_cell.from_column(layer * hidden);
  // With recurrent dropout hidden_in is another array; without, the same row of the same one.
  gather_rows(lane_.stream, GatherRows<Real, Real>{captions, hidden, from_hidden.data, from_hidden.stride, rows,
                                                   mask(DropoutSite::recurrent, layer, memory_.spec.dropout.recurrent),
                                                   arrays.hidden_in.data, arrays.hidden_in.stride});
  gather_rows(lane_.stream, GatherRows<Real, float>{
                                captions, hidden, from_cell.data, from_cell.stride, rows, {}, arrays.cell, hidden});
}

template <typename Real>
Rows<const Real> DevicePass<Real>::forward_layer(Index layer, Rows<const Real> x) {
  const DecoderSpec& spec = memory_.spec;
  const auto at = static_cast<std::size_t>(layer);
  const LayerArrays<Real>& arrays = arrays_.layers[at];
  const LayerPointers& own = memory_.parameters.layers[at];
  const Index rows = memory_.shape.rows(), captions = memory_.shape.captions, hidden = spec.hidden_size;
  multiply(rows, 4 * hidden, spec.input_size(layer), prepare_input(layer, x),
           memory_.weights.of(own.input_weight, 4 * hidden), arrays.gates);
  set_initial_state(layer);
  const Rows<const Real> recurrent_weight = memory_.weights.of(own.recurrent_weight, 4 * hidden);
  const bool masked = arrays.hidden_in.data != arrays.hidden.data;
  for (Index step = 0; step < memory_.shape.steps; ++step) {
    const Index row = step * captions;
    const Rows<Real> gates = arrays.gates.from_row(row);
    if (step > 0 || from_state()) {
      multiply(captions, 4 * hidden, hidden, arrays.hidden_in.from_row(row), recurrent_weight, gates, true);
    }
    LstmCellForward<Real> cell;
    cell.rows = captions;
    cell.hidden = hidden;
    cell.hard_sigmoid = spec.hard_sigmoid;
    cell.gates = gates.data;
    cell.gates_stride = gates.stride;
    cell.bias = own.bias;
    cell.previous_cell = arrays.cell + row * hidden;
    cell.cell = arrays.cell + (row + captions) * hidden;
    cell.output = arrays.hidden.from_row(row + captions).data;
    cell.output_stride = arrays.hidden.stride;
    if (masked && step + 1 < memory_.shape.steps) {
      cell.next_input = arrays.hidden_in.from_row(row + captions).data;
      cell.recurrent_mask = mask(DropoutSite::recurrent, layer, spec.dropout.recurrent);
    }
    lstm_cell_forward(lane_.stream, cell);
  }
  return arrays.hidden.from_row(captions);
}

template <typename Real>
Rows<Real> DevicePass<Real>::backward_layers(Rows<Real> d) {
  const Index layers = memory_.spec.layer_count;
  if (memory_.lstm == nullptr) {
    for (Index layer = layers - 1; layer >= 0; --layer) d = backward_layer(layer, d);
    return d;
  }
  const Index together = memory_.lstm->layers_together();
  for (Index layer = layers - together; layer >= 0; layer -= together) d = backward_stack(layer, d);
  memory_.lstm->write_gradients(lane_.stream, memory_.flat_gradients);
  return d;
}

/// Where the gradient of the layer's input goes while that of its output is still needed.
template <typename Real>
Rows<Real> DevicePass<Real>::input_gradient(Index layer, Rows<Real> output_gradient) const {
  const bool first_is_free = output_gradient.data != arrays_.row_gradients[0].data;
  return {arrays_.row_gradients[first_is_free ? 0 : 1].data, row_stride<Real>(memory_.spec.input_size(layer))};
}

/// From the gradient of what prepare_input returned to that of what it was given, in place.
template <typename Real>
void DevicePass<Real>::backward_input(Index layer, Rows<Real> d) {
  if (arrays_.layers[static_cast<std::size_t>(layer)].input.data != nullptr) {
    activate_backward(lane_.stream,
                      ActivateBackward<Real>{memory_.shape.rows(), memory_.spec.input_size(layer), nullptr,
                                             Activation::identity, input_mask(layer), d.data, d.stride});
  }
  backward_normalization(layer_normalizer(layer, layer_inputs_[static_cast<std::size_t>(layer)]), d);
}

/// Takes the gradient of the layer's output; returns that of its input.
template <typename Real>
Rows<Real> DevicePass<Real>::backward_layer(Index layer, Rows<Real> output_gradient) {
  const DecoderSpec& spec = memory_.spec;
  const auto at = static_cast<std::size_t>(layer);
  const LayerArrays<Real>& arrays = arrays_.layers[at];
  const LayerPointers& own = memory_.parameters.layers[at];
  const LayerPointers& to = memory_.gradients.layers[at];
  const Index rows = memory_.shape.rows(), captions = memory_.shape.captions, steps = memory_.shape.steps;
  const Index hidden = spec.hidden_size, columns = spec.input_size(layer);
  const Rows<const Real> recurrent_weight = memory_.weights.of(own.recurrent_weight, 4 * hidden);
  const Rows<float> recurrent_gradient{arrays_.recurrent_gradient, hidden};
  for (Index step = steps - 1; step >= 0; --step) {
    const Index row = step * captions;
    LstmCellBackward<Real> cell;
    cell.rows = captions;
    cell.hidden = hidden;
    cell.hard_sigmoid = spec.hard_sigmoid;
    cell.gates = arrays.gates.from_row(row).data;
    cell.gates_stride = arrays.gates.stride;
    cell.previous_cell = arrays.cell + row * hidden;
    cell.cell = arrays.cell + (row + captions) * hidden;
    cell.output_gradient = output_gradient.from_row(row).data;
    cell.output_stride = output_gradient.stride;
    cell.recurrent_mask = mask(DropoutSite::recurrent, layer, spec.dropout.recurrent);
    cell.cell_gradient = arrays_.cell_gradient;
    cell.last = step == steps - 1;
    if (!cell.last) {
      multiply_transposed(captions, hidden, 4 * hidden, arrays.gates.from_row(row + captions), recurrent_weight,
                          recurrent_gradient);
      cell.recurrent_gradient = recurrent_gradient.data;
    }
    lstm_cell_backward(lane_.stream, cell);
  }
  if (from_state()) {
    multiply_transposed(captions, hidden, 4 * hidden, arrays.gates, recurrent_weight, recurrent_gradient);
    backward_initial_state<float>(layer, recurrent_gradient, {arrays_.cell_gradient, hidden});
  }

  const Rows<const Real> x = layer_inputs_[at];
  aside([&] {
    weight_gradient(columns, 4 * hidden, rows, layer_input(layer, x), arrays.gates, to.input_weight);
    bias_gradient(rows, 4 * hidden, arrays.gates, to.bias);
    // Without an initial state the hidden state before the first step is zero and adds nothing.
    const Index first = from_state() ? 0 : captions;
    if (first < rows) {
      weight_gradient(hidden, 4 * hidden, rows - first, arrays.hidden_in.from_row(first), arrays.gates.from_row(first),
                      to.recurrent_weight);
    } else {
      clear(to.recurrent_weight, hidden * 4 * hidden * static_cast<Index>(sizeof(float)));
    }
  });

  const Rows<Real> d = input_gradient(layer, output_gradient);
  multiply_transposed(rows, columns, 4 * hidden, arrays.gates, memory_.weights.of(own.input_weight, 4 * hidden), d);
  backward_input(layer, d);
  return d;
}

/// Gathers the gradients of the layer's initial states by the rows they were projected in.
template <typename Real>
template <typename From>
void DevicePass<Real>::backward_initial_state(Index layer, Rows<const From> hidden_gradient,
                                              Rows<const From> cell_gradient) {
  const Index hidden = memory_.spec.hidden_size, captions = memory_.shape.captions;
  const bool by_caption = arrays_.caption_features.data != nullptr;
  const auto send = [&](Rows<const From> from, const DropoutMask& mask, Rows<Real> y, Rows<Real> out) {
    SumSegments<From, Real> sum;
    sum.segments = by_caption ? Segments{captions} : captions_of_images();
    sum.columns = hidden;
    sum.x = from.data;
    sum.x_stride = from.stride;
    sum.mask = mask;
    sum.tanh_output = y.from_column(layer * hidden).data;
    sum.out = out.from_column(layer * hidden).data;
    sum.out_stride = out.stride;
    sum_segments(lane_.stream, sum);
  };
  send(hidden_gradient, mask(DropoutSite::recurrent, layer, memory_.spec.dropout.recurrent), arrays_.projected_hidden,
       arrays_.projected_hidden_gradient);
  send(cell_gradient, {}, arrays_.projected_cell, arrays_.projected_cell_gradient);
}

template class DevicePass<float>;
template class DevicePass<half>;
template void DevicePass<float>::backward_initial_state(Index, Rows<const float>, Rows<const float>);
template void DevicePass<half>::backward_initial_state(Index, Rows<const half>, Rows<const half>);

}  // namespace showtell::cuda
