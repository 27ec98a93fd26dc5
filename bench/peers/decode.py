"""PyTorch peer of `pnpm bench decode`: normalization folded into the weights, the embedding into a table of gates, top-k before log-softmax."""

from captioner import BATCH_NORM_EPSILON, Attention, introduction, load_parameters
from protocol import Clock, Workload, serve, workload_directory

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
        state = [(torch.zeros(rows, self.hidden_size), torch.zeros(rows, self.hidden_size)) for _ in self.layers]
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


@torch.inference_mode()
def greedy(decoder, pooled, grid, steps):
    images = pooled.shape[0]
    memory = None if grid is None else decoder.attention.memory(grid)
    hidden, state = decoder.start(pooled)
    tokens = torch.empty(images, steps, dtype=torch.long)
    ended = torch.zeros(images, dtype=torch.bool)
    for step in range(steps):
        logits = decoder.logits(hidden, memory, images)
        logits[:, NEVER] = -torch.inf
        tokens[:, step] = chosen = logits.argmax(1)
        ended |= chosen == END
        if step + 1 == steps or bool(ended.all()):
            break
        hidden, state = decoder.step(chosen, state)
    return [cut(row) for row in tokens[:, :step + 1].tolist()]


@torch.inference_mode()
def beam(decoder, pooled, grid, steps, width):
    """Twice the width of candidates a step; finished ones leave the beam; an image is done when no live one can beat its best."""
    images = pooled.shape[0]
    memory = None if grid is None else decoder.attention.memory(grid)
    hidden, state = decoder.start(pooled)
    live = torch.zeros(images, 1, dtype=torch.float64)
    history = torch.empty(images, 1, 0, dtype=torch.long)
    best_score = torch.full((images,), -torch.inf, dtype=torch.float64)
    best = [[] for _ in range(images)]
    base = torch.arange(images)[:, None]
    for step in range(steps):
        rows = live.shape[1]
        logits = decoder.logits(hidden, memory, images)
        normalizer = logits.logsumexp(1, keepdim=True)
        logits[:, NEVER] = -torch.inf
        top, words = logits.topk(2 * width, 1)
        totals = ((top - normalizer).view(images, rows, -1).double() + live[:, :, None]).flatten(1)
        scores, index = totals.topk(2 * width, 1)
        words = words.view(images, -1).gather(1, index)
        parents = index // (2 * width)
        ends = words == END
        if bool(ends.any()):
            end_score, place = torch.where(ends, scores, -torch.inf).max(1)
            better = end_score > best_score
            best_score = torch.where(better, end_score, best_score)
            for image in better.nonzero()[:, 0].tolist():
                best[image] = history[image, parents[image, place[image]]].tolist() + [END]
        live, chosen = torch.where(ends, -torch.inf, scores).topk(width, 1)
        words, parents = words.gather(1, chosen), parents.gather(1, chosen)
        history = torch.cat([history[base, parents], words[:, :, None]], 2)
        if step + 1 == steps or bool((best_score >= live[:, 0]).all()):
            break
        order = (base * rows + parents).flatten()
        state = [(h[order], c[order]) for h, c in state]
        hidden, state = decoder.step(words.flatten(), state)
    return [best[image] or history[image, 0].tolist() for image in range(images)]


def cut(tokens):
    return tokens[:tokens.index(END) + 1] if END in tokens else tokens


workload = Workload(workload_directory())
loaded = {}


def load(case):
    if case["name"] not in loaded:
        prefix = f"{case['name']}/features"
        grid = workload.optional(f"{prefix}/grid")
        loaded[case["name"]] = (
            Decoder(case["spec"], load_parameters(workload, case)),
            torch.from_numpy(workload.array(f"{prefix}/pooled")),
            None if grid is None else torch.from_numpy(grid),
        )
    return loaded[case["name"]]


def answer(request):
    torch.set_num_threads(request["threads"])
    case = workload.case("decode", request["case"])
    decoder, pooled, grid = load(case)
    clock = Clock()
    for _ in range(request["iterations"]):
        if case["beamWidth"] == 1:
            captions = greedy(decoder, pooled, grid, case["maxLength"])
        else:
            captions = beam(decoder, pooled, grid, case["maxLength"], case["beamWidth"])
    return {**clock.stop(), "captions": captions}


serve(introduction(), answer)
