#include "cuda/training/device_pass.h"

namespace showtell::cuda {

/// The library reads whole rows, ours end before their padding.
template <typename Real>
void DevicePass<Real>::clear_padding(Rows<Real> matrix, Index rows, Index columns) const {
  if (memory_.lstm != nullptr && matrix.stride > columns) clear(matrix, rows);
}

template <typename Real>
LstmBatch<Real> DevicePass<Real>::stack_batch(Index first_layer) const {
  const StackArrays<Real>& arrays =
      arrays_.stacks[static_cast<std::size_t>(first_layer / memory_.lstm->layers_together())];
  LstmBatch<Real> batch;
  batch.captions = memory_.shape.captions;
  batch.steps = memory_.shape.steps;
  batch.training = training_;
  batch.x = layer_input(first_layer, layer_inputs_[static_cast<std::size_t>(first_layer)]).data;
  batch.y = arrays.output.data;
  batch.hidden = arrays.hidden.data;
  batch.cell = arrays.cell.data;
  batch.workspace = arrays_.lstm_workspace;
  batch.reserve = arrays.reserve;
  return batch;
}

/// As forward_layer, for the layers that go together.
template <typename Real>
Rows<const Real> DevicePass<Real>::forward_stack(Index first_layer, Rows<const Real> x) {
  const Index together = memory_.lstm->layers_together();
  const StackArrays<Real>& arrays = arrays_.stacks[static_cast<std::size_t>(first_layer / together)];
  const Index captions = memory_.shape.captions, hidden = memory_.spec.hidden_size;
  prepare_input(first_layer, x);
  if (from_state()) {
    const std::int32_t* rows = arrays_.caption_features.data == nullptr ? memory_.lists.image_of_caption : nullptr;
    const auto copy = [&](Rows<Real> projected, Rows<Real> states) {
      clear_padding(states, together * captions, hidden);
      for (Index layer = 0; layer < together; ++layer) {
        const Rows<Real> from = projected.from_column((first_layer + layer) * hidden);
        const Rows<Real> to = states.from_row(layer * captions);
        gather_rows(lane_.stream,
                    GatherRows<Real, Real>{captions, hidden, from.data, from.stride, rows, {}, to.data, to.stride});
      }
    };
    copy(arrays_.projected_hidden, arrays.hidden);
    copy(arrays_.projected_cell, arrays.cell);
  }
  memory_.lstm->forward(lane_.stream, first_layer, stack_batch(first_layer));
  return arrays.output;
}

/// As backward_layer, for the layers that go together.
template <typename Real>
Rows<Real> DevicePass<Real>::backward_stack(Index first_layer, Rows<Real> output_gradient) {
  const Index together = memory_.lstm->layers_together(), captions = memory_.shape.captions;
  const StackArrays<Real>& arrays = arrays_.stacks[static_cast<std::size_t>(first_layer / together)];
  const Rows<Real> d = input_gradient(first_layer, output_gradient);
  const LstmGradients<Real> gradients{output_gradient.data, d.data, arrays.hidden_gradient.data,
                                      arrays.cell_gradient.data};
  memory_.lstm->backward(lane_.stream, first_layer, stack_batch(first_layer), gradients);
  for (Index layer = 0; layer < together && from_state(); ++layer) {
    backward_initial_state<Real>(first_layer + layer, arrays.hidden_gradient.from_row(layer * captions),
                                 arrays.cell_gradient.from_row(layer * captions));
  }
  backward_input(first_layer, d);
  return d;
}

template class DevicePass<float>;
template class DevicePass<half>;

}  // namespace showtell::cuda
