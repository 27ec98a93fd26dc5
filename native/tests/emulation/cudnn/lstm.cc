#include "emulation/cudnn/lstm.h"

#include <cmath>

namespace showtell::cuda::cudnn_stand_in {

namespace {

std::size_t place(Index at) { return static_cast<std::size_t>(at); }
float sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

}  // namespace

Lstm::LayerMemory Lstm::memory_of(Index layer) const {
  float* const base = reserve + layer * reserve_floats(rnn, steps, batch);
  float* const cells = base + kGates * steps * batch * rnn.hidden;
  return {base, cells, cells + (steps + 1) * batch * rnn.hidden};
}

float Lstm::operand(float value) const {
  if (rnn.type != CudnnDataType::float32 || rnn.math != CudnnMath::standard) return value;
  return __uint_as_float((__float_as_uint(value) + 0x1000u) & 0xffffe000u);
}
float Lstm::load(const void* data, Index at) const {
  return rnn.type == CudnnDataType::float32 ? static_cast<const float*>(data)[at]
                                            : __half2float(static_cast<const half*>(data)[at]);
}
void Lstm::store(void* data, Index at, float value) const {
  if (rnn.type == CudnnDataType::float32) {
    static_cast<float*>(data)[at] = value;
  } else {
    static_cast<half*>(data)[at] = __float2half(value);
  }
}
float Lstm::rounded(float value) const {
  return rnn.type == CudnnDataType::float32 ? value : __half2float(__float2half(value));
}

/// [H, inputs], as operands.
std::vector<float> Lstm::matrix_of(Index layer, int part) const {
  const PartPlace at = place_of(rnn, layer, part);
  std::vector<float> values(place(rnn.hidden * at.inputs));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = operand(load(weights, at.matrix + static_cast<Index>(i)));
  return values;
}

void Lstm::forward(const void* x, void* y, const void* hidden, const void* cell) const {
  const Index units = rnn.hidden, states = batch * units;
  for (Index layer = 0; layer < rnn.layers; ++layer) {
    const LayerMemory own = memory_of(layer);
    const float* const below = layer == 0 ? nullptr : memory_of(layer - 1).outputs + states;
    for (Index at = 0; at < states; ++at) {
      own.outputs[at] = hidden == nullptr ? 0 : load(hidden, layer * states + at);
      own.cells[at] = cell == nullptr ? 0 : load(cell, layer * states + at);
    }
    std::vector<std::vector<float>> matrices;
    for (int part = 0; part < kParts; ++part) matrices.push_back(matrix_of(layer, part));
    const Index inputs = rnn.input_of(layer);
    for (Index row = 0; row < steps * batch; ++row) {
      for (int gate = 0; gate < kGates; ++gate) {
        const auto &w = matrices[place(gate)], &r = matrices[place(gate + kGates)];
        for (Index unit = 0; unit < units; ++unit) {
          float sum = load(weights, place_of(rnn, layer, gate).bias + unit) +
                      load(weights, place_of(rnn, layer, gate + kGates).bias + unit);
          for (Index k = 0; k < inputs; ++k) {
            const float value = below == nullptr ? load(x, row * inputs + k) : below[row * inputs + k];
            sum += w[place(unit * inputs + k)] * operand(value);
          }
          for (Index k = 0; k < units; ++k) {
            sum += r[place(unit * units + k)] * operand(own.outputs[row * units + k]);
          }
          own.gates[(row * kGates + gate) * units + unit] = gate == 2 ? std::tanh(sum) : sigmoid(sum);
        }
      }
      for (Index unit = 0; unit < units; ++unit) {
        const float* const gates = own.gates + row * kGates * units + unit;
        const Index next = row * units + states + unit;
        own.cells[next] = gates[units] * own.cells[row * units + unit] + gates[0] * gates[2 * units];
        own.outputs[next] = rounded(gates[3 * units] * std::tanh(own.cells[next]));
        if (layer == rnn.layers - 1) store(y, row * units + unit, own.outputs[next]);
      }
    }
  }
}

void Lstm::backward_data(const void* y_gradient, void* x_gradient, void* hidden_gradient, void* cell_gradient) const {
  const Index units = rnn.hidden, states = batch * units, rows = steps * batch;
  std::vector<float> above(place(rows * units));
  for (Index at = 0; at < rows * units; ++at) above[place(at)] = load(y_gradient, at);
  for (Index layer = rnn.layers - 1; layer >= 0; --layer) {
    const LayerMemory own = memory_of(layer);
    const Index inputs = rnn.input_of(layer);
    std::vector<std::vector<float>> matrices;
    for (int part = 0; part < kParts; ++part) matrices.push_back(matrix_of(layer, part));
    std::vector<float> d_output(place(states), 0), d_cell(place(states), 0), below(place(rows * inputs), 0);
    for (Index row = rows - 1; row >= 0; --row) {
      const Index in_batch = row % batch;
      float* const gates = own.gates + row * kGates * units;
      for (Index unit = 0; unit < units; ++unit) {
        const auto at = place(in_batch * units + unit);
        const float d = above[place(row * units + unit)] + d_output[at];
        const float squashed = std::tanh(own.cells[row * units + states + unit]);
        const float input = gates[unit], forget = gates[units + unit];
        const float candidate = gates[2 * units + unit], output = gates[3 * units + unit];
        const float dc = d_cell[at] + d * output * (1 - squashed * squashed);
        gates[unit] = rounded(dc * candidate * input * (1 - input));
        gates[units + unit] = rounded(dc * own.cells[row * units + unit] * forget * (1 - forget));
        gates[2 * units + unit] = rounded(dc * input * (1 - candidate * candidate));
        gates[3 * units + unit] = rounded(d * squashed * output * (1 - output));
        d_cell[at] = dc * forget;
      }
      for (Index k = 0; k < units; ++k) d_output[place(in_batch * units + k)] = 0;
      for (int gate = 0; gate < kGates; ++gate) {
        const auto &w = matrices[place(gate)], &r = matrices[place(gate + kGates)];
        for (Index unit = 0; unit < units; ++unit) {
          const float d = operand(gates[gate * units + unit]);
          for (Index k = 0; k < inputs; ++k) below[place(row * inputs + k)] += d * w[place(unit * inputs + k)];
          for (Index k = 0; k < units; ++k) d_output[place(in_batch * units + k)] += d * r[place(unit * units + k)];
        }
      }
    }
    for (Index at = 0; at < states; ++at) {
      if (hidden_gradient != nullptr) store(hidden_gradient, layer * states + at, d_output[place(at)]);
      if (cell_gradient != nullptr) store(cell_gradient, layer * states + at, d_cell[place(at)]);
    }
    above.swap(below);
    for (float& value : above) value = rounded(value);
  }
  for (Index at = 0; at < rows * rnn.input_size; ++at) store(x_gradient, at, above[place(at)]);
}

void Lstm::backward_weights(const void* x, void* gradients) const {
  const Index units = rnn.hidden, states = batch * units, rows = steps * batch;
  for (Index layer = 0; layer < rnn.layers; ++layer) {
    const LayerMemory own = memory_of(layer);
    const float* const below = layer == 0 ? nullptr : memory_of(layer - 1).outputs + states;
    for (int part = 0; part < kParts; ++part) {
      const PartPlace to = place_of(rnn, layer, part);
      const int gate = part % kGates;
      for (Index unit = 0; unit < units; ++unit) {
        float bias = 0;
        std::vector<float> sums(place(to.inputs), 0);
        for (Index row = 0; row < rows; ++row) {
          const float d = own.gates[(row * kGates + gate) * units + unit];
          bias += d;
          for (Index k = 0; k < to.inputs; ++k) {
            const float value = part >= kGates     ? own.outputs[row * units + k]
                                : below == nullptr ? load(x, row * to.inputs + k)
                                                   : below[row * units + k];
            sums[place(k)] += operand(d) * operand(value);
          }
        }
        const Index bias_at = to.bias + unit;
        store(gradients, bias_at, load(gradients, bias_at) + bias);
        for (Index k = 0; k < to.inputs; ++k) {
          const Index at = to.matrix + unit * to.inputs + k;
          store(gradients, at, load(gradients, at) + sums[place(k)]);
        }
      }
    }
  }
}

}  // namespace showtell::cuda::cudnn_stand_in
