"""The decoder of the benchmarks for decoding: normalization folded into the weights, the embedding into a table of gates."""

from captioner import BATCH_NORM_EPSILON, Attention

import torch

PAD, START, END, UNKNOWN = range(4)
NEVER = [PAD, START, UNKNOWN]


class Decoder:
    def __init__(self, spec, parameters):
        self.spec = spec
        self.hidden_size = spec["hiddenSize"]
        self.output = parameters["output.weight"].contiguous()
        self.output_bias = parameters["output.bias"]
        image_weight, image_bias = fold(parameters, "image.normalization", parameters["image.weight"], parameters["image.bias"])
        self.image_weight, self.image_bias = image_weight, image_bias
        self.layers = []
        for layer in range(spec["layerCount"]):
            weight, bias = fold(
                parameters, f"lstm.{layer}.normalization", parameters[f"lstm.{layer}.inputWeight"], parameters[f"lstm.{layer}.bias"]
            )
            self.layers.append((weight, bias, parameters[f"lstm.{layer}.recurrentWeight"]))
        first_weight, first_bias, _ = self.layers[0]
        self.gates_of_token = torch.addmm(first_bias, parameters["embedding.weight"], first_weight)
        # Below and recurrent input side by side: one product a layer and step.
        self.joined = [torch.cat([weight, recurrent]) for weight, _, recurrent in self.layers[1:]]
        self.attention = None
        if "attention" in spec:
            self.attention = Attention(spec, parameters, {key: 0 for key in spec["dropout"]}).eval()

    def start(self, pooled):
        """The image's own step: what stands in the place of <start>."""
        rows = pooled.shape[0]
        x = torch.addmm(self.image_bias, pooled, self.image_weight)
        state = [(x.new_zeros(rows, self.hidden_size), x.new_zeros(rows, self.hidden_size)) for _ in self.layers]
        gates = torch.addmm(self.layers[0][1], x, self.layers[0][0])
        return self.advance(gates, state)

    def step(self, tokens, state):
        gates = torch.addmm(self.gates_of_token[tokens], state[0][0], self.layers[0][2])
        return self.advance(gates, state)

    def advance(self, gates, state):
        below, cell = lstm_cell(gates, state[0][1])
        following = [(below, cell)]
        for (_, bias, _), joined, (hidden, cell) in zip(self.layers[1:], self.joined, state[1:]):
            below, cell = lstm_cell(torch.addmm(bias, torch.cat([below, hidden], 1), joined), cell)
            following.append((below, cell))
        return below, following

    def logits(self, hidden, memory, images):
        if self.attention is not None:
            hidden = self.attention.attend(hidden.view(images, -1, self.hidden_size), *memory).flatten(0, 1)
        return torch.addmm(self.output_bias, hidden, self.output)

    def to(self, device, dtype):
        """This decoder on another device, in another precision; folded in float32."""
        move = lambda tensor: tensor.to(device, dtype)
        self.output, self.output_bias, self.image_weight, self.image_bias, self.gates_of_token = map(
            move, (self.output, self.output_bias, self.image_weight, self.image_bias, self.gates_of_token)
        )
        self.layers = [tuple(map(move, layer)) for layer in self.layers]
        self.joined = list(map(move, self.joined))
        if self.attention is not None:
            self.attention.to(device, dtype)
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
