"""PyTorch on the GPU beside the CUDA device, for native/gpu-check: eager, and with a whole search or training step in one CUDA graph.

    python3 gpu.py FOLDER [--device cpu] [--seconds N]

FOLDER holds what `gpu_benchmark workload FOLDER` wrote; peers.json is written into it. Features lie in page-locked memory of the host and captions come back
to the host, as for the CUDA device. With `--device cpu` the code can be tried out without a GPU; nothing is captured then.
"""

import argparse
import json
import platform
import statistics
import time
from pathlib import Path

from captioner import Batch, Captioner
from decoder import END, NEVER, Decoder
from protocol import Workload, fail

import torch
from torch import nn
from torch.nn import functional as F

STEPS_COMPARED = 3
STEPS_TOGETHER = 10
CALLS = 20


class Search:
    """A search of a fixed number of steps, of which nothing waits for the host: fit to be recorded, and as fast as eager calls go."""

    def __init__(self, workload, case, dtype, device):
        self.case, self.device = case, device
        decoder = Decoder(case["spec"], parameters_of(workload, case))
        self.decoder = decoder.to(device, dtype)
        self.never = torch.tensor(NEVER, device=device)
        photos = f"{case['model']}/photos"
        self.host = [locked(workload.array(f"{photos}/pooled")[: case["photos"]], device)]
        if "attention" in case["spec"]:
            self.host.append(locked(workload.array(f"{photos}/grid")[: case["photos"]], device))
        self.inputs = [tensor.to(device) for tensor in self.host]
        self.dtype = dtype

    def upload(self):
        for to, values in zip(self.inputs, self.host):
            to.copy_(values, non_blocking=True)

    @torch.inference_mode()
    def run(self):
        """-> tokens [photos, steps], zeros behind the end"""
        pooled, *grid = [tensor.to(self.dtype) for tensor in self.inputs]
        memory = self.decoder.attention.memory(grid[0]) if grid else None
        search = self.greedy if self.case["beamWidth"] == 1 else self.beam
        return search(*self.decoder.start(pooled), memory, pooled.shape[0], self.case["maxLength"])

    def logits(self, hidden, memory, photos):
        return self.decoder.logits(hidden, memory, photos).float()

    def greedy(self, hidden, state, memory, photos, steps):
        tokens = torch.zeros(photos, steps, dtype=torch.long, device=self.device)
        ended = torch.zeros(photos, dtype=torch.bool, device=self.device)
        for step in range(steps):
            logits = self.logits(hidden, memory, photos).index_fill_(1, self.never, -torch.inf)
            chosen = logits.argmax(1)
            tokens[:, step] = chosen.masked_fill(ended, 0)
            ended |= chosen == END
            if step + 1 < steps:
                hidden, state = self.decoder.step(chosen, state)
        return tokens

    def beam(self, hidden, state, memory, photos, steps):
        width = self.case["beamWidth"]
        base = torch.arange(photos, device=self.device)[:, None]
        image = base[:, 0]
        live = torch.zeros(photos, 1, device=self.device)
        history = torch.zeros(photos, 1, steps, dtype=torch.long, device=self.device)
        best_score = torch.full((photos,), -torch.inf, device=self.device)
        best = torch.zeros(photos, steps, dtype=torch.long, device=self.device)
        for step in range(steps):
            rows = live.shape[1]
            logits = self.logits(hidden, memory, photos)
            normalizer = logits.logsumexp(1, keepdim=True)
            top, words = logits.index_fill_(1, self.never, -torch.inf).topk(2 * width, 1)
            totals = ((top - normalizer).view(photos, rows, -1) + live[:, :, None]).flatten(1)
            scores, index = totals.topk(2 * width, 1)
            words = words.view(photos, -1).gather(1, index)
            parents = index // (2 * width)
            ends = words == END
            end_score, place = scores.masked_fill(~ends, -torch.inf).max(1)
            ended = history[image, parents.gather(1, place[:, None])[:, 0]]
            ended[:, step] = END
            better = end_score > best_score
            best_score = torch.where(better, end_score, best_score)
            best = torch.where(better[:, None], ended, best)
            live, chosen = scores.masked_fill(ends, -torch.inf).topk(width, 1)
            words, parents = words.gather(1, chosen), parents.gather(1, chosen)
            history = history[base, parents]
            history[:, :, step] = words
            if step + 1 < steps:
                order = (base * rows + parents).flatten()
                state = [(h[order], c[order]) for h, c in state]
                hidden, state = self.decoder.step(words.flatten(), state)
        return torch.where((best_score > -torch.inf)[:, None], best, history[:, 0])


class StackedCaptioner(Captioner):
    """All layers as one call of cuDNN, which overlaps them: where nothing stands between them but dropout of single steps."""

    def __init__(self, spec, parameters, dropout):
        super().__init__(spec, parameters, packed=False, dropout=dropout)
        self.stack = nn.LSTM(spec["embeddingSize"], spec["hiddenSize"], spec["layerCount"], dropout=self.rates["input"])
        for index, layer in enumerate(self.lstms):
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                setattr(self.stack, f"{name}_l{index}", getattr(layer, f"{name}_l0"))
        del self.lstms

    @staticmethod
    def suits(spec):
        plain = spec["normalization"] == "none" and "attention" not in spec and spec["dropout"]["recurrent"] == 0
        return plain and spec["dropout"]["inputMask"] == "step"

    def forward(self, batch):
        x = self.stack(F.dropout(self.inputs(batch), self.rates["input"]))[0]
        x = F.dropout(x.flatten(0, 1)[batch.positions], self.rates["output"])
        return self.output(x), batch.targets


class Trainer:
    def __init__(self, workload, case, precision, device, dropout=True):
        self.device, self.half = device, precision == "float16"
        spec, parameters = case["spec"], parameters_of(workload, case)
        if StackedCaptioner.suits(spec):
            self.model = StackedCaptioner(spec, parameters, dropout).to(device)
        else:
            self.model = Captioner(spec, parameters, packed=False, dropout=dropout).to(device)
        self.trainable = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        on_gpu = device.type == "cuda"
        self.optimizer = torch.optim.Adam(self.trainable, lr=5e-4, eps=1e-8, fused=True, capturable=on_gpu)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.half)
        self.batch = Batch(workload, f"{case['name']}/batch")
        self.host = [locked(tensor, device) for tensor in (self.batch.pooled, self.batch.grid) if tensor is not None]
        for name, value in vars(self.batch).items():
            if isinstance(value, torch.Tensor):
                setattr(self.batch, name, value.to(device))

    def upload(self):
        for to, values in zip((self.batch.pooled, self.batch.grid), self.host):
            to.copy_(values, non_blocking=True)

    def run(self):
        """A step; -> loss"""
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, torch.float16, enabled=self.half):
            logits, targets = self.model(self.batch)
            loss = F.cross_entropy(logits, targets)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.trainable, 5.0, foreach=True)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss


def record(work):
    """`work` as one CUDA graph -> what replays it and returns the tensor that it writes"""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = work()

    def replay():
        graph.replay()
        return result

    return replay


def time_calls(call, device, seconds, together=1):
    """Milliseconds of a call, of `together` calls that the host does not wait for."""
    for _ in range(3):
        call()
    times = []
    begin = time.perf_counter()
    while len(times) < CALLS or time.perf_counter() - begin < seconds:
        synchronize(device)
        start = time.perf_counter()
        for _ in range(together):
            call()
        synchronize(device)
        times.append((time.perf_counter() - start) * 1e3 / together)
    return {"milliseconds": statistics.median(times), "range": [min(times), max(times)]}


def decode(workload, case, precision, device, seconds):
    """-> figures, eager and recorded"""
    search = Search(workload, case, torch.float16 if precision == "float16" else torch.float32, device)

    def measured(run):
        def call():
            search.upload()
            return run().cpu()

        tokens = call()[: case["compared"]].tolist()
        captions = [[token for token in row if token != 0] for row in tokens]
        return {**time_calls(call, device, seconds), "captions": captions}

    return {"eager": measured(search.run), **recorded(search.run, measured, device)}


def train(workload, case, precision, device, seconds):
    plain = Trainer(workload, case, precision, device, dropout=False)
    losses = [plain.run().item() for _ in range(STEPS_COMPARED)]
    trainer = Trainer(workload, case, precision, device)

    def measured(run):
        def call():
            trainer.upload()
            run()

        return {**time_calls(call, device, seconds, STEPS_TOGETHER), "losses": losses}

    return {"eager": measured(trainer.run), **recorded(trainer.run, measured, device)}


def recorded(run, measured, device):
    if device.type != "cuda":
        return {}
    try:
        return {"CUDA graph": measured(record(run))}
    except Exception as error:  # the eager figure is worth having alone
        return {"CUDA graph": failure(error)}


def failure(error):
    return {"error": f"{type(error).__name__}: {error}"}


def parameters_of(workload, case):
    prefix = f"{case['model']}/parameters/"
    return {name[len(prefix):]: torch.from_numpy(workload.array(name)) for name in workload.names(prefix)}


def locked(values, device):
    """In memory of the host that the device can copy by itself."""
    tensor = torch.as_tensor(values)
    return tensor.pin_memory() if device.type == "cuda" else tensor.clone()


def synchronize(device):
    if device.type == "cuda":
        torch.cuda.synchronize()


def description(device):
    if device.type != "cuda":
        return f"PyTorch {torch.__version__} on the CPU"
    return (
        f"PyTorch {torch.__version__} (CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}), "
        f"Python {platform.python_version()}, {torch.cuda.get_device_name()}"
    )


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--device", default="cuda")
    arguments.add_argument("--seconds", type=float, default=0.5)
    options = arguments.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        fail(f"PyTorch {torch.__version__} finds no GPU")
    device = torch.device(options.device)
    torch.backends.mkldnn.set_flags(False)  # of the CPU alone: its LSTM refuses halves
    workload = Workload(options.folder)
    results = {"description": description(device), "decode": {}, "train": {}}
    for kind, measure, precisions in (("decode", decode, ("float32", "float16")), ("train", train, ("float32", "tf32", "float16"))):
        for case in workload.description[kind]:
            figures = results[kind][case["name"]] = {}
            for precision in precisions:
                torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
                try:
                    own = measure(workload, case, precision, device, options.seconds)
                except Exception as error:  # a contender that fails is a gap in the table
                    own = {"eager": failure(error)}
                for name, one in own.items():
                    figures[f"{name} {precision}"] = one
                    print(f"{case['name']}, {name} {precision}: {one.get('milliseconds', one.get('error'))}", flush=True)
    partial = options.folder / "peers.json.partial"
    partial.write_text(json.dumps(results))
    partial.rename(options.folder / "peers.json")


main()
