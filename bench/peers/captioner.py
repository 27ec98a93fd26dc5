"""The decoder of the benchmarks for training in PyTorch, as fast as its operators allow: parameters, shapes and arithmetic are those of the decoder spec.

B = captions (or hypotheses), T = steps, H = hidden size, E = embedding size, V = vocabulary, N = tokens without padding.
"""

from protocol import fail

try:
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError:
    fail("PyTorch is not installed")

BATCH_NORM_EPSILON = 1e-3
BATCH_NORM_MOMENTUM = 0.01  # PyTorch counts the new share, the decoder spec the old one


def introduction():
    blas = "MKL" if torch.backends.mkl.is_available() else "no MKL"
    return {
        "description": f"PyTorch {torch.__version__} on the CPU, {blas}",
        "versions": {"python": __import__("platform").python_version(), "torch": torch.__version__},
    }


def load_parameters(workload, case):
    prefix = f"{case['name']}/parameters/"
    return {name[len(prefix):]: torch.from_numpy(workload.array(name)) for name in workload.names(prefix)}


class Captioner(nn.Module):
    """For training. `packed` computes real tokens only; otherwise every caption is as long as the longest of its batch."""

    def __init__(self, spec, parameters, packed, dropout):
        super().__init__()
        if spec["imageInjection"] != "first-input" or spec["tiedWeights"] or spec["normalization"] == "layer":
            raise ValueError("the peer knows first-input decoders with free output weights, batch normalization or none")
        self.spec, self.packed = spec, packed
        self.rates = spec["dropout"] if dropout else {key: 0 for key in spec["dropout"]}
        self.image = linear(parameters["image.weight"], parameters["image.bias"])
        self.embedding = nn.Embedding.from_pretrained(parameters["embedding.weight"].clone(), freeze=False)
        self.output = linear(parameters["output.weight"], parameters["output.bias"])
        self.image_normalization = normalization(parameters, "image.normalization")
        layers = range(spec["layerCount"])
        self.normalizations = nn.ModuleList([normalization(parameters, f"lstm.{layer}.normalization") for layer in layers])
        self.lstms = nn.ModuleList([lstm(parameters, layer) for layer in layers])
        self.attention = Attention(spec, parameters, self.rates) if "attention" in spec else None

    def forward(self, batch):
        """-> logits [N, V], targets [N]"""
        x = self.inputs(batch)
        for normalize, layer in zip(self.normalizations, self.lstms):
            if not isinstance(normalize, nn.Identity):
                x = normalize(x) if self.packed else on_real_positions(normalize, x, batch)
            x = self.input_dropout(x, batch)
            x = self.run_layer(layer, x, batch)
        if self.attention is not None:
            x = x if not self.packed else scatter(x, batch)
            x = self.attention(x, batch)
            x = x.flatten(0, 1)[batch.positions]
        elif not self.packed:
            x = x.flatten(0, 1)[batch.positions]
        x = F.dropout(x, self.rates["output"])
        return self.output(x), batch.targets

    def inputs(self, batch):
        """[N, E] in packed order, or [T, B, E]"""
        image = F.dropout(self.image(self.image_normalization(batch.pooled)), self.rates["image"])[batch.image_of_row]
        words = batch.packed_words if self.packed else batch.padded_words
        words = F.dropout(self.embedding(words), self.rates["embedding"])
        return torch.cat([image, words]) if self.packed else torch.cat([image[None], words])

    def input_dropout(self, x, batch):
        rate = self.rates["input"]
        if rate == 0:
            return x
        if self.spec["dropout"]["inputMask"] == "step":
            return F.dropout(x, rate)
        mask = F.dropout(x.new_ones(batch.size, x.shape[-1]), rate)
        return x * (mask[batch.rows] if self.packed else mask)

    def run_layer(self, layer, x, batch):
        if self.rates["recurrent"] > 0:
            return run_recurrent_dropout(layer, x, batch, self.rates["recurrent"], self.packed)
        if not self.packed:
            return layer(x)[0]
        return layer(nn.utils.rnn.PackedSequence(x, batch.batch_sizes))[0].data


class Attention(nn.Module):
    def __init__(self, spec, parameters, rates):
        super().__init__()
        self.heads, self.rates = spec["attention"]["heads"], rates
        self.value = linear(parameters["attention.value.weight"], parameters["attention.value.bias"])
        self.key = linear(parameters["attention.key.weight"])
        self.query = linear(parameters["attention.query.weight"])
        self.output = linear(parameters["attention.output.weight"], parameters["attention.output.bias"])

    def memory(self, grid):
        """keys and values [images, heads, cells, size / heads]"""
        values = F.dropout(F.relu(self.value(grid)), self.rates["attentionValue"], self.training)
        return self.split(self.key(values)), self.split(values)

    def split(self, x):
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def attend(self, hidden, keys, values):
        """hidden [images, rows, H] -> [images, rows, H]"""
        context = F.scaled_dot_product_attention(self.split(self.query(hidden)), keys, values)
        joined = torch.cat([hidden, context.transpose(1, 2).flatten(-2)], -1)
        return torch.tanh(self.output(F.dropout(joined, self.rates["attentionOutput"], self.training)))

    def forward(self, hidden, batch):
        """hidden [T, B, H]; the rows of a photo stand side by side, so that keys and values are computed once a photo"""
        steps, size, width = hidden.shape
        images = batch.pooled.shape[0]
        by_image = hidden[:, batch.to_image_order].reshape(steps, images, size // images, width)
        by_image = by_image.transpose(0, 1).reshape(images, -1, width)
        out = self.attend(by_image, *self.memory(batch.grid))
        out = out.reshape(images, steps, size // images, width).transpose(0, 1).reshape(steps, size, width)
        return out[:, batch.from_image_order]


class Batch:
    """One batch, with every index that depends on lengths alone computed beforehand. Rows are sorted by falling length."""

    def __init__(self, workload, prefix):
        tokens = torch.from_numpy(workload.array(f"{prefix}/tokenIds")).long()
        lengths = torch.from_numpy(workload.array(f"{prefix}/lengths")).long()
        image_of_row = torch.from_numpy(workload.array(f"{prefix}/imageOfRow")).long()
        self.pooled = torch.from_numpy(workload.array(f"{prefix}/pooled"))
        grid = workload.optional(f"{prefix}/grid")
        self.grid = None if grid is None else torch.from_numpy(grid)
        order = torch.argsort(lengths, descending=True, stable=True)
        tokens, lengths, self.image_of_row = tokens[order], lengths[order], image_of_row[order]
        self.to_image_order = torch.argsort(self.image_of_row, stable=True)
        self.from_image_order = torch.argsort(self.to_image_order)
        self.size, self.steps = tokens.shape
        real = torch.arange(self.steps)[:, None] < lengths[None]  # [T, B]
        self.batch_sizes = real.sum(1)
        self.positions = real.flatten().nonzero()[:, 0]
        self.rows = self.positions % self.size
        self.targets = tokens.T.flatten()[self.positions]
        self.padded_words = tokens.T[:-1].contiguous()
        self.packed_words = self.padded_words.flatten()[self.positions[self.size:] - self.size]


def scatter(packed, batch):
    """[N, H] -> [T, B, H], zeros at padding"""
    padded = packed.new_zeros(batch.steps * batch.size, packed.shape[-1])
    return padded.index_copy(0, batch.positions, packed).view(batch.steps, batch.size, -1)


def on_real_positions(normalize, x, batch):
    return scatter(normalize(x.flatten(0, 1)[batch.positions]), batch)


def run_recurrent_dropout(layer, x, batch, rate, packed):
    """The layer with one mask a caption on h: nn.LSTM has no such option, so the steps are a loop over one input product."""
    input_gates = F.linear(x, layer.weight_ih_l0, layer.bias_ih_l0)
    hidden_size = layer.hidden_size
    mask = F.dropout(x.new_ones(batch.size, hidden_size), rate)
    h = c = x.new_zeros(batch.size, hidden_size)
    recurrent = layer.weight_hh_l0.T
    outputs = []
    start = 0
    for step in range(batch.steps):
        rows = int(batch.batch_sizes[step]) if packed else batch.size
        own = input_gates[start:start + rows] if packed else input_gates[step]
        start += rows
        i, f, g, o = torch.addmm(own, h[:rows] * mask[:rows], recurrent).chunk(4, 1)
        c = torch.addcmul(f.sigmoid() * c[:rows], i.sigmoid(), g.tanh())
        h = o.sigmoid() * c.tanh()
        outputs.append(h)
    return torch.cat(outputs) if packed else torch.stack(outputs)


def linear(weight, bias=None):
    """From a matrix [in, out]."""
    layer = nn.Linear(weight.shape[0], weight.shape[1], bias=bias is not None)
    layer.weight = nn.Parameter(weight.T.contiguous())
    if bias is not None:
        layer.bias = nn.Parameter(bias.clone())
    return layer


def normalization(parameters, prefix):
    if f"{prefix}.gamma" not in parameters:
        return nn.Identity()
    layer = nn.BatchNorm1d(len(parameters[f"{prefix}.gamma"]), BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM)
    layer.weight = nn.Parameter(parameters[f"{prefix}.gamma"].clone())
    layer.bias = nn.Parameter(parameters[f"{prefix}.beta"].clone())
    layer.running_mean = parameters[f"{prefix}.runningMean"].clone()
    layer.running_var = parameters[f"{prefix}.runningVariance"].clone()
    return layer


def lstm(parameters, layer):
    weight = parameters[f"lstm.{layer}.inputWeight"]
    recurrent = parameters[f"lstm.{layer}.recurrentWeight"]
    module = nn.LSTM(weight.shape[0], recurrent.shape[0])
    module.weight_ih_l0 = nn.Parameter(weight.T.contiguous())
    module.weight_hh_l0 = nn.Parameter(recurrent.T.contiguous())
    module.bias_ih_l0 = nn.Parameter(parameters[f"lstm.{layer}.bias"].clone())
    # One bias a gate: the second one stays zero.
    module.bias_hh_l0 = nn.Parameter(torch.zeros(4 * recurrent.shape[0]), requires_grad=False)
    return module
