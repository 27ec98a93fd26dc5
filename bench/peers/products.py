"""Products with weights that stay as they are: by MKL, or by oneDNN with the weights packed once, as torch.compile arranges it when it freezes a model.

Which is faster depends on the processor: on AMD's, MKL does without AVX-512.
"""

import torch
from torch import nn


class Mkl(nn.Module):
    """x @ weight + bias, or + the addend in its place."""

    def __init__(self, weight, bias):
        super().__init__()
        self.register_buffer("weight", weight.contiguous())
        self.register_buffer("bias", bias)

    def forward(self, x, addend=None):
        return torch.addmm(self.bias if addend is None else addend, x, self.weight)


class OneDnn(nn.Module):
    """The same; x may have any number of axes before the last."""

    def __init__(self, weight, bias=None):
        super().__init__()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight.T.contiguous())
        self.bias = bias

    def forward(self, x, addend=None):
        if addend is None:
            return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")
        return torch.ops.mkldnn._linear_pointwise.binary(x, addend, self.weight, None, "add")


PRODUCTS = {"MKL": Mkl, "oneDNN": OneDnn}
