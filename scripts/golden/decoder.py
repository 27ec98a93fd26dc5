"""Writes fixtures/golden/decoder/*.json: the decoder of packages/core/src/decoder/decoder-spec.ts in PyTorch, float64.

Written to be read, not to be fast: one function a paragraph of the specification, one time step after the other, autograd for the gradients.
Inputs are rounded to float32, so that every backend starts from the same numbers; results are printed to 9 significant digits.

    python3 scripts/golden/decoder.py            # needs torch and numpy
"""

import json
import math
import pathlib
import platform

import numpy as np
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
FOLDER = pathlib.Path(__file__).resolve().parents[2] / "fixtures" / "golden" / "decoder"
START = 1
BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, LAYER_NORM_EPSILON = 1e-3, 0.99, 1e-5
NO_DROPOUT = dict(image=0, embedding=0, input=0, inputMask="step", recurrent=0, attentionValue=0, attentionOutput=0, output=0)
SITES = dict(image=1, embedding=2, input=3, recurrent=4, attentionValue=5, attentionOutput=6, output=7)

# --- Dropout masks: Philox4x32-10 -------------------------------------------------------------------------------------------------------------


def philox4x32(counter, key):
    """Ten rounds on arrays of 32-bit words; counter: four arrays, key: two numbers."""
    low32 = np.uint64(0xFFFFFFFF)
    c = [np.asarray(word, dtype=np.uint64) for word in np.broadcast_arrays(*counter)]
    k0, k1 = key
    for _ in range(10):
        product0, product1 = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(product1 >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), product1 & low32, (product0 >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), product0 & low32]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c


def dropout_mask(seed, site, layer, step, rate, rows, columns):
    """[rows, columns] of 0 and 1 / (1 - rate), the latter rounded to float32."""
    column, row = np.arange(columns), np.arange(rows)
    words = philox4x32([(column // 4)[None, :], row[:, None], step, SITES[site] * 256 + layer], [seed & 0xFFFFFFFF, seed >> 32])
    word = np.choose(np.broadcast_to(column % 4, (rows, columns)), words)
    return np.where(word >= math.floor(rate * 2**32), float(np.float32(1 / (1 - rate))), 0.0)


class Dropout:
    """The masks of one training step; with seed None, no dropout at all."""

    def __init__(self, spec, seed):
        self.rates, self.seed = spec["dropout"], seed

    def __call__(self, x, site, layer=0, step=0):
        rate = self.rates[site]
        if self.seed is None or rate == 0:
            return x
        return x * torch.from_numpy(dropout_mask(self.seed, site, layer, step, rate, *x.shape))


# --- Parameters -------------------------------------------------------------------------------------------------------------------------------


def parameter_shapes(spec):
    """name -> (shape, trainable), in the order of parameter-shapes.ts."""
    V, E, H, L, FS = (spec[k] for k in ("vocabSize", "embeddingSize", "hiddenSize", "layerCount", "featureSize"))
    shapes = {}

    def norm(prefix, size):
        if spec["normalization"] != "none":
            shapes[f"{prefix}.gamma"] = shapes[f"{prefix}.beta"] = ((size,), True)
        if spec["normalization"] == "batch":
            shapes[f"{prefix}.runningMean"] = shapes[f"{prefix}.runningVariance"] = ((size,), False)

    norm("image.normalization", FS)
    if spec["imageInjection"] == "first-input":
        shapes["image.weight"], shapes["image.bias"] = ((FS, E), True), ((E,), True)
    else:
        for part in ("hidden", "cell"):
            shapes[f"image.{part}.weight"], shapes[f"image.{part}.bias"] = ((FS, L * H), True), ((L * H,), True)
    shapes["embedding.weight"] = ((V, E), True)
    for l in range(L):
        size = E if l == 0 else H
        norm(f"lstm.{l}.normalization", size)
        shapes[f"lstm.{l}.inputWeight"] = ((size, 4 * H), True)
        shapes[f"lstm.{l}.recurrentWeight"] = ((H, 4 * H), True)
        shapes[f"lstm.{l}.bias"] = ((4 * H,), True)
    if "attention" in spec:
        S, G = spec["attention"]["size"], spec["attention"]["gridFeatureSize"]
        shapes["attention.value.weight"], shapes["attention.value.bias"] = ((G, S), True), ((S,), True)
        shapes["attention.key.weight"], shapes["attention.query.weight"] = ((S, S), True), ((H, S), True)
        shapes["attention.output.weight"], shapes["attention.output.bias"] = ((H + S, H), True), ((H,), True)
    if not spec["tiedWeights"]:
        shapes["output.weight"] = ((H, V), True)
    elif H != E:
        shapes["output.projection.weight"] = ((H, E), True)
    shapes["output.bias"] = ((V,), True)
    return shapes


def random_parameters(spec, rng):
    def draw(name, shape):
        if name.endswith("gamma"):
            return rng.uniform(0.5, 1.5, shape)
        if name.endswith("runningVariance"):
            return rng.uniform(0.3, 2.0, shape)
        if len(shape) == 1:
            return rng.uniform(-0.3, 0.3, shape)
        return rng.normal(0, 1.2 / math.sqrt(shape[0]) if name != "embedding.weight" else 0.8, shape)

    return {name: float32(draw(name, shape)) for name, (shape, _) in parameter_shapes(spec).items()}


def float32(array):
    return torch.from_numpy(np.asarray(array, dtype=np.float32).astype(np.float64))


# --- The decoder ------------------------------------------------------------------------------------------------------------------------------


def normalise(spec, p, prefix, x, statistics_rows, training, running):
    """x [..., size]. In training, batch statistics over x[statistics_rows]; the new running values go to the dictionary `running`."""
    if spec["normalization"] == "none":
        return x
    gamma, beta = p[f"{prefix}.gamma"], p[f"{prefix}.beta"]
    if spec["normalization"] == "layer":
        mean, variance = x.mean(-1, keepdim=True), x.var(-1, unbiased=False, keepdim=True)
        return (x - mean) / torch.sqrt(variance + LAYER_NORM_EPSILON) * gamma + beta
    mean, variance = p[f"{prefix}.runningMean"], p[f"{prefix}.runningVariance"]
    if training:
        rows = x[statistics_rows]
        batch_mean, batch_variance = rows.mean(0), rows.var(0, unbiased=False)
        for name, old, new in (("runningMean", mean, batch_mean), ("runningVariance", variance, batch_variance)):
            running[f"{prefix}.{name}"] = BATCH_NORM_MOMENTUM * old + (1 - BATCH_NORM_MOMENTUM) * new.detach()
        mean, variance = batch_mean, batch_variance
    return (x - mean) / torch.sqrt(variance + BATCH_NORM_EPSILON) * gamma + beta


def gate(spec, x):
    return torch.sigmoid(x) if spec["gateActivation"] == "sigmoid" else torch.clamp(0.2 * x + 0.5, 0, 1)


def lstm_layer(spec, p, layer, inputs, h, c, dropout):
    """inputs [time, batch, size] -> hidden states [time, batch, hiddenSize]."""
    hidden_states = []
    for x in inputs:
        h_in = dropout(h, "recurrent", layer)
        i, f, g, o = (x @ p[f"lstm.{layer}.inputWeight"] + h_in @ p[f"lstm.{layer}.recurrentWeight"] + p[f"lstm.{layer}.bias"]).chunk(4, dim=-1)
        c = gate(spec, f) * c + gate(spec, i) * torch.tanh(g)
        h = gate(spec, o) * torch.tanh(c)
        hidden_states.append(h)
    return torch.stack(hidden_states)


def attend(spec, p, values, h):
    """values [batch, cells, size] (of each caption's image), h [batch, hiddenSize] -> context [batch, size], weights [batch, heads, cells]."""
    heads, size = spec["attention"]["heads"], spec["attention"]["size"]
    split = lambda x: x.unflatten(-1, (heads, size // heads))
    keys, query = split(values @ p["attention.key.weight"]), split(h @ p["attention.query.weight"])
    scores = torch.einsum("bchd,bhd->bhc", keys, query) / math.sqrt(size // heads)
    weights = torch.softmax(scores, dim=-1)
    return torch.einsum("bhc,bchd->bhd", weights, split(values)).flatten(1), weights


def forward(spec, p, batch, dropout, training):
    """Teacher-forced logits [batch, time, vocabSize], attention averaged over heads [batch, time, cells] or None, new running statistics."""
    L, H = spec["layerCount"], spec["hiddenSize"]
    image_of_row, targets, running = batch["imageOfRow"], batch["tokenIds"], {}
    rows, steps = targets.shape
    present = (torch.arange(steps)[:, None] < batch["lengths"][None, :])  # [time, batch]
    every_image = slice(None)

    pooled = normalise(spec, p, "image.normalization", batch["pooled"], every_image, training, running)[image_of_row]
    words = torch.cat([torch.full((rows, 1), START), targets[:, :-1]], dim=1)
    inputs = [dropout(p["embedding.weight"][words[:, t]], "embedding", step=t) for t in range(steps)]
    zeros = torch.zeros(rows, H)
    initial = [(zeros, zeros)] * L
    if spec["imageInjection"] == "first-input":
        inputs[0] = dropout(pooled @ p["image.weight"] + p["image.bias"], "image")
    else:
        pooled = dropout(pooled, "image")
        initial_h = torch.tanh(pooled @ p["image.hidden.weight"] + p["image.hidden.bias"]).split(H, dim=1)
        initial_c = torch.tanh(pooled @ p["image.cell.weight"] + p["image.cell.bias"]).split(H, dim=1)
        initial = list(zip(initial_h, initial_c))

    sequence = torch.stack(inputs)
    for layer in range(L):
        normalised = normalise(spec, p, f"lstm.{layer}.normalization", sequence, present, training, running)
        mask_step = (lambda t: 0) if spec["dropout"]["inputMask"] == "sequence" else (lambda t: t)
        dropped = torch.stack([dropout(normalised[t], "input", layer, mask_step(t)) for t in range(steps)])
        sequence = lstm_layer(spec, p, layer, dropped, *initial[layer], dropout)

    values, attention = None, []
    if "attention" in spec:
        values = torch.relu(batch["grid"] @ p["attention.value.weight"] + p["attention.value.bias"])
        values = torch.stack([dropout(values[:, cell], "attentionValue", step=cell) for cell in range(values.shape[1])], dim=1)[image_of_row]
    logits = []
    for t, h in enumerate(sequence):
        o = h
        if values is not None:
            context, weights = attend(spec, p, values, h)
            joined = dropout(torch.cat([h, context], dim=1), "attentionOutput", step=t)
            o = torch.tanh(joined @ p["attention.output.weight"] + p["attention.output.bias"])
            attention.append(weights.mean(1))
        o = dropout(o, "output", step=t)
        if spec["tiedWeights"]:
            o = o @ p["output.projection.weight"] if spec["hiddenSize"] != spec["embeddingSize"] else o
            logits.append(o @ p["embedding.weight"].T + p["output.bias"])
        else:
            logits.append(o @ p["output.weight"] + p["output.bias"])
    return torch.stack(logits, dim=1), torch.stack(attention, dim=1) if attention else None, running


def loss_sum(batch, logits):
    """Sum over tokens of weight * cross-entropy against (1 - epsilon) one-hot + epsilon / vocabSize."""
    log_probs = F.log_softmax(logits, dim=-1)
    epsilon = batch["labelSmoothing"]
    of_target = log_probs.gather(-1, batch["tokenIds"][..., None])[..., 0]
    cross_entropy = -((1 - epsilon) * of_target + epsilon * log_probs.mean(-1))
    present = torch.arange(logits.shape[1])[None, :] < batch["lengths"][:, None]
    weights = batch.get("tokenWeights", torch.ones_like(cross_entropy))
    return torch.where(present, weights * cross_entropy, 0.0).sum()


# --- Training ---------------------------------------------------------------------------------------------------------------------------------


class Trainer:
    """Clip by global norm, Adam with bias correction, running statistics, moving average of the parameters."""

    def __init__(self, spec, parameters, update):
        self.spec, self.update, self.step_count = spec, update, 0
        self.p = {name: value.clone() for name, value in parameters.items()}
        self.trainable = [name for name, (_, trainable) in parameter_shapes(spec).items() if trainable]
        self.m = {name: torch.zeros_like(self.p[name]) for name in self.trainable}
        self.v = {name: torch.zeros_like(self.p[name]) for name in self.trainable}
        self.averages = {name: self.p[name].clone() for name in self.trainable}

    def gradients(self, batch, dropout_seed):
        p = {name: value.clone().requires_grad_(name in self.m) for name, value in self.p.items()}
        logits, _, running = forward(self.spec, p, batch, Dropout(self.spec, dropout_seed), training=True)
        loss = loss_sum(batch, logits)
        (loss / batch["lengths"].sum()).backward()
        gradients = {name: p[name].grad for name in self.trainable}
        norm = math.sqrt(sum(float((g * g).sum()) for g in gradients.values()))
        return float(loss.detach()), norm, gradients, running

    def step(self, batch, dropout_seed):
        loss, norm, gradients, running = self.gradients(batch, dropout_seed)
        u = self.update
        self.step_count += 1
        scale = min(1.0, u["clipNorm"] / norm) if "clipNorm" in u and norm > 0 else 1.0
        for name in self.trainable:
            g = gradients[name] * scale
            self.m[name] = u["beta1"] * self.m[name] + (1 - u["beta1"]) * g
            self.v[name] = u["beta2"] * self.v[name] + (1 - u["beta2"]) * g * g
            m_hat = self.m[name] / (1 - u["beta1"] ** self.step_count)
            v_hat = self.v[name] / (1 - u["beta2"] ** self.step_count)
            self.p[name] = self.p[name] - u["learningRate"] * m_hat / (torch.sqrt(v_hat) + u["epsilon"])
            if "averageDecay" in u:
                self.averages[name] = u["averageDecay"] * self.averages[name] + (1 - u["averageDecay"]) * self.p[name]
        self.p.update(running)
        return loss, norm


# --- Goldens ----------------------------------------------------------------------------------------------------------------------------------


def random_batch(spec, rng, images, image_of_row, lengths, cells=7, weights=False, smoothing=0.0, seed=0):
    rows, steps = len(lengths), max(lengths)
    tokens = np.zeros((rows, steps), dtype=np.int64)
    for row, length in enumerate(lengths):
        tokens[row, : length - 1] = rng.integers(3, spec["vocabSize"], length - 1)
        tokens[row, length - 1] = 2
    batch = dict(
        pooled=float32(rng.normal(0, 1, (images, spec["featureSize"]))),
        imageOfRow=torch.tensor(image_of_row),
        tokenIds=torch.from_numpy(tokens),
        lengths=torch.tensor(lengths),
        labelSmoothing=smoothing,
        dropoutSeed=seed,
    )
    if "attention" in spec:
        batch["grid"] = float32(rng.normal(0, 1, (images, cells, spec["attention"]["gridFeatureSize"])))
    if weights:
        batch["tokenWeights"] = float32(rng.uniform(-0.5, 1.5, (rows, steps)))
    return batch


def rounded(value):
    if isinstance(value, torch.Tensor):
        integral = not value.dtype.is_floating_point
        return {"shape": list(value.shape), "data": [int(x) if integral else number(x) for x in value.flatten().tolist()]}
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    return number(value) if isinstance(value, float) else value


def number(x):
    x = float(f"{x:.9g}")
    return int(x) if x == int(x) and abs(x) < 1e9 else x


def mask_samples(spec, batch):
    """Masks of every kind the spec draws, at the sizes it draws them."""
    rows, layer = len(batch["lengths"]), spec["layerCount"] - 1
    image_columns = spec["embeddingSize"] if spec["imageInjection"] == "first-input" else spec["featureSize"]
    layer_input = spec["hiddenSize"] if layer else spec["embeddingSize"]
    wanted = [("image", 0, 0, rows, image_columns), ("embedding", 0, 2, rows, spec["embeddingSize"]), ("input", layer, 1, rows, layer_input)]
    wanted += [("recurrent", layer, 0, rows, spec["hiddenSize"]), ("output", 0, 3, rows, spec["hiddenSize"])]
    if "attention" in spec:
        size = spec["attention"]["size"]
        wanted += [("attentionValue", 0, 4, batch["pooled"].shape[0], size), ("attentionOutput", 0, 1, rows, spec["hiddenSize"] + size)]
    samples = []
    for site, at_layer, step, mask_rows, columns in wanted:
        rate = spec["dropout"][site]
        if rate == 0:
            continue
        mask = dropout_mask(batch["dropoutSeed"], site, at_layer, step, rate, mask_rows, columns)
        position = dict(seed=batch["dropoutSeed"], site=site, layer=at_layer, step=step)
        samples.append(dict(rate=rate, position=position, mask=torch.from_numpy(mask)))
    return samples


def golden(name, about, spec, update=None, random_seed=0, **batch_options):
    spec = {**dict(featureSize=9, tiedWeights=False, gateActivation="sigmoid", normalization="none", dropout={}), **spec}
    spec["dropout"] = {**NO_DROPOUT, **spec["dropout"]}
    update = {**dict(learningRate=0.01, beta1=0.9, beta2=0.999, epsilon=1e-6), **(update or {})}
    rng = np.random.default_rng(random_seed)
    parameters, batch = random_parameters(spec, rng), random_batch(spec, rng, **batch_options)

    def evaluate(p):
        logits, attention, _ = forward(spec, p, batch, Dropout(spec, None), training=False)
        return logits, attention, {"lossSum": float(loss_sum(batch, logits)), "tokenCount": int(batch["lengths"].sum())}

    logits, attention, evaluation = evaluate(parameters)
    trainer = Trainer(spec, parameters, update)
    _, norm, gradients, _ = trainer.gradients(batch, batch["dropoutSeed"])
    training = [trainer.step(batch, batch["dropoutSeed"] + i) for i in range(10)]
    expected = dict(
        logits=logits,
        evaluation=evaluation,
        gradients=gradients,
        gradientNorm=norm,
        trainingLosses=[loss for loss, _ in training],
        gradientNorms=[norm for _, norm in training],
        parametersAfterTraining=trainer.p,
        evaluationAfterTraining=evaluate(trainer.p)[2],
        dropoutMasks=mask_samples(spec, batch),
    )
    if attention is not None:
        expected["attention"] = attention
    if "averageDecay" in update:
        expected["averagesAfterTraining"] = trainer.averages
    content = dict(
        recipe=dict(script="scripts/golden/decoder.py", torch=torch.__version__, numpy=np.__version__, python=platform.python_version(), precision="float64"),
        about=about + " Ten training steps on the one batch; step i has dropout seed dropoutSeed + i.",
        spec=spec,
        update=update,
        parameters=parameters,
        batch=batch,
        expected=expected,
    )
    file = FOLDER / f"{name}.json"
    sections = ",\n".join(f"  {json.dumps(key)}: {json.dumps(rounded(value), separators=(',', ':'))}" for key, value in content.items())
    file.write_text("{\n" + sections + "\n}\n")
    print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB, losses {training[0][0]:.4f} -> {training[-1][0]:.4f}, gradient norm {norm:.3f}")


FIVE_CAPTIONS = dict(images=3, image_of_row=[0, 0, 1, 2, 2], lengths=[6, 3, 7, 1, 5])
FOUR_CAPTIONS = dict(images=2, image_of_row=[1, 0, 1, 0], lengths=[4, 6, 2, 5])
SIX_CAPTIONS = dict(images=4, image_of_row=[3, 0, 1, 1, 2, 0], lengths=[5, 8, 2, 6, 3, 4])
DROPOUT = dict(image=0.3, embedding=0.25, input=0.2, output=0.5)


def sizes(vocab, embedding, hidden, layers, injection, **rest):
    return dict(vocabSize=vocab, embeddingSize=embedding, hiddenSize=hidden, layerCount=layers, imageInjection=injection, **rest)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    golden("first-input", "One plain layer, the image as first input, no clip.", sizes(11, 6, 7, 1, "first-input"), random_seed=1, **FIVE_CAPTIONS)
    golden("initial-state", "Two plain layers started from the image; clipped.", sizes(13, 5, 6, 2, "initial-state"), dict(clipNorm=0.1), random_seed=2, **FIVE_CAPTIONS)
    golden("layer-norm", "Layer normalization, two layers.", sizes(12, 7, 5, 2, "first-input", normalization="layer"), random_seed=3, **FOUR_CAPTIONS)
    golden("batch-norm", "Batch normalization, three layers: the reference recipe in small, without dropout.", sizes(17, 7, 7, 3, "first-input", normalization="batch"), dict(clipNorm=5.0), random_seed=4, **SIX_CAPTIONS)
    golden("batch-norm-initial-state", "Batch normalization, started from the image; dropout on image and input.", sizes(11, 6, 5, 1, "initial-state", normalization="batch", dropout=dict(image=0.4, input=0.2)), random_seed=5, seed=77, **SIX_CAPTIONS)
    golden("reference-recipe", "The reference recipe in small: batch normalization, variational dropout on inputs and recurrent state.", sizes(15, 8, 8, 2, "first-input", normalization="batch", dropout=dict(input=0.22, recurrent=0.22, inputMask="sequence")), dict(clipNorm=0.3), random_seed=6, seed=2**40 + 12345, **SIX_CAPTIONS)
    golden("tied", "Output weights tied to the embedding, equal sizes; weight average.", sizes(14, 6, 6, 1, "first-input", tiedWeights=True), dict(averageDecay=0.9), random_seed=7, **FIVE_CAPTIONS)
    golden("tied-projection", "Output weights tied through a projection; label smoothing and signed token weights.", sizes(13, 5, 8, 2, "initial-state", tiedWeights=True), random_seed=8, weights=True, smoothing=0.1, **FIVE_CAPTIONS)
    golden("hard-sigmoid", "Hard sigmoid gates; label smoothing.", sizes(12, 7, 9, 2, "first-input", gateActivation="hardSigmoid"), random_seed=9, smoothing=0.2, **FOUR_CAPTIONS)
    golden("dropout-step", "Dropout on image, words, layer inputs (new mask each step), recurrent state and output; three layers.", sizes(16, 7, 5, 3, "first-input", dropout=dict(DROPOUT, recurrent=0.1)), random_seed=10, seed=9007199254740000, **SIX_CAPTIONS)
    golden("attention", "Attention over the grid, two heads; no dropout.", sizes(13, 5, 7, 1, "first-input", attention=dict(heads=2, size=6, gridFeatureSize=8)), dict(clipNorm=5.0, averageDecay=0.99), random_seed=11, **FIVE_CAPTIONS)
    golden("attention-dropout", "Attention from the initial state, three heads, two layers, layer normalization, every kind of dropout, label smoothing, weights, clip and average.", sizes(12, 6, 7, 2, "initial-state", normalization="layer", attention=dict(heads=3, size=9, gridFeatureSize=5), dropout=dict(DROPOUT, recurrent=0.15, attentionValue=0.3, attentionOutput=0.2, inputMask="sequence")), dict(clipNorm=0.7, averageDecay=0.95), random_seed=12, seed=31337, weights=True, smoothing=0.05, **SIX_CAPTIONS)
    golden("attention-tied", "One attention head, tied weights, hard sigmoid, batch normalization: options that rarely meet.", sizes(17, 9, 6, 1, "first-input", normalization="batch", tiedWeights=True, gateActivation="hardSigmoid", attention=dict(heads=1, size=5, gridFeatureSize=7), dropout=dict(attentionOutput=0.1, embedding=0.1)), random_seed=13, seed=5, **SIX_CAPTIONS)


if __name__ == "__main__":
    main()
