"""PyTorch peer of `pnpm bench decode`: top-k before log-softmax, beams as one batch, an end as soon as every image has its caption."""

from captioner import introduction, load_parameters
from decoder import END, NEVER, Decoder
from products import PRODUCTS
from protocol import Clock, Workload, serve, workload_directory

import torch


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


def load(case, product):
    if case["name"] not in loaded:
        prefix = f"{case['name']}/features"
        grid = workload.optional(f"{prefix}/grid")
        loaded[case["name"]] = (
            Decoder(case["spec"], load_parameters(workload, case), product),
            torch.from_numpy(workload.array(f"{prefix}/pooled")),
            None if grid is None else torch.from_numpy(grid),
        )
    return loaded[case["name"]]


def answer(request):
    torch.set_num_threads(request["threads"])
    case = workload.case("decode", request["case"])
    decoder, pooled, grid = load(case, PRODUCTS[request["products"]])
    clock = Clock()
    for _ in range(request["iterations"]):
        if case["beamWidth"] == 1:
            captions = greedy(decoder, pooled, grid, case["maxLength"])
        else:
            captions = beam(decoder, pooled, grid, case["maxLength"], case["beamWidth"])
    return {**clock.stop(), "captions": captions}


serve(introduction(), answer)
