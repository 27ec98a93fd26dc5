"""The decoder of the benchmarks for decoding: normalization folded into the weights, the embedding into a table of gates."""

from captioner import BATCH_NORM_EPSILON, Attention
from products import Mkl, OneDnn

import torch

PAD, START, END, UNKNOWN = range(4)
NEVER = [PAD, START, UNKNOWN]


class Decoder:
    def __init__(self, spec, parameters, product=Mkl):
        self.spec = spec
        self.hidden_size = spec["hiddenSize"]
        self.output = product(parameters["output.weight"], parameters["output.bias"])
        self.image = product(*fold(parameters, "image.normalization", parameters["image.weight"], parameters["image.bias"]))
        layers = []
        for layer in range(spec["layerCount"]):
            weight, bias = fold(
                parameters, f"lstm.{layer}.normalization", parameters[f"lstm.{layer}.inputWeight"], parameters[f"lstm.{layer}.bias"]
            )
            layers.append((weight, bias, parameters[f"lstm.{layer}.recurrentWeight"]))
        first_weight, first_bias, first_recurrent = layers[0]
        self.gates_of_token = torch.addmm(first_bias, parameters["embedding.weight"], first_weight)
        self.first_input = product(first_weight, first_bias)
        self.first_recurrent = product(first_recurrent, torch.zeros_like(first_bias))
        # Below and recurrent input side by side: one product a layer and step.
        self.joined = [product(torch.cat([weight, recurrent]), bias) for weight, bias, recurrent in layers[1:]]
        self.attention = None
        if "attention" in spec:
            self.attention = Attention(spec, parameters, {key: 0 for key in spec["dropout"]}).eval()
            if product is OneDnn:
                for name, layer in list(self.attention.named_children()):
                    setattr(self.attention, name, OneDnn(layer.weight.detach().T, None if layer.bias is None else layer.bias.detach()))

    def start(self, pooled):
        """The image's own step: what stands in the place of <start>."""
        rows = pooled.shape[0]
        x = self.image(pooled)
        state = [(x.new_zeros(rows, self.hidden_size), x.new_zeros(rows, self.hidden_size)) for _ in range(1 + len(self.joined))]
        return self.advance(self.first_input(x), state)

    def step(self, tokens, state):
        return self.advance(self.first_recurrent(state[0][0], self.gates_of_token[tokens]), state)

    def advance(self, gates, state):
        below, cell = lstm_cell(gates, state[0][1])
        following = [(below, cell)]
        for joined, (hidden, cell) in zip(self.joined, state[1:]):
            below, cell = lstm_cell(joined(torch.cat([below, hidden], 1)), cell)
            following.append((below, cell))
        return below, following

    def logits(self, hidden, memory, images):
        if self.attention is not None:
            hidden = self.attention.attend(hidden.view(images, -1, self.hidden_size), *memory).flatten(0, 1)
        return self.output(hidden)

    def to(self, device, dtype):
        """This decoder on another device, in another precision; folded in float32."""
        self.gates_of_token = self.gates_of_token.to(device, dtype)
        for part in [self.output, self.image, self.first_input, self.first_recurrent, *self.joined, self.attention]:
            if part is not None:
                part.to(device, dtype)
        return self


def fold(parameters, prefix, weight, bias):
    """Batch normalization with running statistics, then a product: one product."""
    if f"{prefix}.gamma" not in parameters:
        return weight.contiguous(), bias
    scale = parameters[f"{prefix}.gamma"] / torch.sqrt(parameters[f"{prefix}.runningVariance"] + BATCH_NORM_EPSILON)
    shift = parameters[f"{prefix}.beta"] - parameters[f"{prefix}.runningMean"] * scale
    return (scale[:, None] * weight).contiguous(), bias + shift @ weight


def lstm_cell(gates, cell):
    i, f, g, o = gates.chunk(4, 1)
    cell = torch.addcmul(f.sigmoid() * cell, i.sigmoid(), g.tanh())
    return o.sigmoid() * cell.tanh(), cell
