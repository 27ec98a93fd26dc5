"""Captions one photo and exits: the Python that a cold `showtell caption photo.jpg` is timed against.

The same encoder file in ONNX Runtime, the same checkpoint, the same search (beam width, length and the exponent of the average length penalty are the
checkpoint's), with Pillow and NumPy and nothing heavier: a PyTorch import alone would take longer than the whole of it.

usage: python startup.py ENCODER.onnx CHECKPOINT_FOLDER PHOTO        needs: numpy, pillow, onnxruntime
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

START, END, BANNED = 1, 2, [0, 1, 3]


def read_safetensors(path):
    raw = path.read_bytes()
    header_size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + header_size])
    body = memoryview(raw)[8 + header_size :]
    kinds = {"F32": np.float32, "F16": np.float16}
    return {
        name: np.frombuffer(body[slice(*entry["data_offsets"])], kinds[entry["dtype"]])
        .reshape(entry["shape"])
        .astype(np.float32)
        for name, entry in header.items()
        if name != "__metadata__"
    }


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class Decoder:
    """No normalization, sigmoid gates; the image as first input or initial state, and attention over the grid, as the checkpoint has it."""

    def __init__(self, spec, weights, grid):
        self.spec, self.w = spec, weights
        if grid is not None:
            self.values = np.maximum(grid @ weights["attention.value.weight"] + weights["attention.value.bias"], 0)
            self.keys = self.values @ weights["attention.key.weight"]

    def start(self, features):
        """The first step's input, and the state before it."""
        w, layers, size = self.w, self.spec["layerCount"], self.spec["hiddenSize"]
        if self.spec["imageInjection"] == "first-input":
            zeros = np.zeros((layers, 1, size), np.float32)
            return features @ w["image.weight"] + w["image.bias"], zeros, zeros
        state = [np.tanh(features @ w[f"image.{part}.weight"] + w[f"image.{part}.bias"]) for part in ("hidden", "cell")]
        return w["embedding.weight"][[START]], *(part.reshape(layers, 1, size) for part in state)

    def step(self, x, hidden, cell):
        w, layers = self.w, self.spec["layerCount"]
        hidden, cell = hidden.copy(), cell.copy()
        for layer in range(layers):
            gates = x @ w[f"lstm.{layer}.inputWeight"] + hidden[layer] @ w[f"lstm.{layer}.recurrentWeight"] + w[f"lstm.{layer}.bias"]
            i, f, g, o = np.split(gates, 4, axis=1)
            cell[layer] = sigmoid(f) * cell[layer] + sigmoid(i) * np.tanh(g)
            x = hidden[layer] = sigmoid(o) * np.tanh(cell[layer])
        if self.spec.get("attention"):
            x = self.attend(x)
        weight = w["embedding.weight"].T if self.spec["tiedWeights"] else w["output.weight"]
        logits = x @ weight + w["output.bias"]
        top = logits.max(axis=1, keepdims=True)
        return logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True)), hidden, cell

    def attend(self, h):
        heads = self.spec["attention"]["heads"]
        split = lambda a: a.reshape(len(a), heads, -1).transpose(1, 0, 2)
        query, keys, values = split(h @ self.w["attention.query.weight"]), split(self.keys), split(self.values)
        scores = query @ keys.transpose(0, 2, 1) / np.sqrt(query.shape[-1])
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        context = (scores / scores.sum(axis=-1, keepdims=True)) @ values
        context = context.transpose(1, 0, 2).reshape(len(h), -1)
        return np.tanh(np.concatenate([h, context], axis=1) @ self.w["attention.output.weight"] + self.w["attention.output.bias"])


def search(decoder, features, generation):
    beam_width, max_length, penalty = (generation[key] for key in ("beamWidth", "maxLength", "lengthPenalty"))
    x, hidden, cell = decoder.start(features)
    live, finished = [(0.0, [])], []
    for _ in range(max_length):
        log_probs, hidden, cell = decoder.step(x, hidden, cell)
        log_probs[:, BANNED] = -np.inf
        totals = log_probs + np.array([score for score, _ in live], np.float32)[:, None]
        order = np.argsort(-totals, axis=None, kind="stable")[: 2 * beam_width]
        grown, rows = [], []
        for row, token in zip(*np.unravel_index(order, totals.shape)):
            tokens = live[row][1] + [int(token)]
            if token == END:
                finished.append((totals[row, token] / len(tokens) ** penalty, tokens))
            elif len(grown) < beam_width:
                grown.append((totals[row, token], tokens))
                rows.append(row)
        best = max(finished)[0] if finished else -np.inf
        if max(score for score, _ in grown) / max_length**penalty <= best:
            break
        live, hidden, cell = grown, hidden[:, rows], cell[:, rows]
        x = decoder.w["embedding.weight"][[tokens[-1] for _, tokens in live]]
    return max(finished)[1] if finished else live[0][1]


def main(encoder_path, checkpoint, photo):
    checkpoint = Path(checkpoint)
    config = json.loads((checkpoint / "config.json").read_text())
    vocabulary = json.loads((checkpoint / "vocabulary.json").read_text())
    weights = read_safetensors(checkpoint / "decoder.safetensors")
    attention = config["decoder"].get("attention")

    session = onnxruntime.InferenceSession(encoder_path, providers=["CPUExecutionProvider"])
    size = session.get_inputs()[0].shape[1]
    image = ImageOps.exif_transpose(Image.open(photo)).convert("RGB").resize((size, size), Image.Resampling.BICUBIC)
    outputs = ["features", "grid"] if attention else ["features"]
    features, *grid = session.run(outputs, {"pixels": np.asarray(image)[None]})

    if config["standardized"]:
        features = (features - weights["features.mean"]) / weights["features.deviation"]
    tokens = search(Decoder(config["decoder"], weights, grid[0][0] if grid else None), features, config["generation"])
    words = vocabulary["tokens"]
    print(" ".join(words[token] for token in tokens if token != END))


main(*sys.argv[1:])
