"""The part of the package that needs torch: a network, a layer type, its exact rule, and a source of networks."""

import torch
from torch import nn

from attribution.gradients.factors import Dense
from attribution.gradients.layers import handles
from attribution.models.sources import register as source
from attribution.models.sources.base import Source
from attribution.models.zoo import outputs, register


class Stretch(nn.Module):
    """Every input times a weight of its own."""

    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * self.weight


@handles(Stretch)
def stretch(module, calls, b):
    """dL/dw = sum over positions of the gradient times the input."""
    terms = [(call.gradient * call.inputs).reshape(b, -1, module.weight.numel()).sum(1) for call in calls]
    return {"weight": Dense(sum(terms), tuple(module.weight.shape))}


@register("stretched", "tabular")
def stretched(info, width):
    """A stretch and a linear layer."""
    return nn.Sequential(Stretch(info.shape[0]), nn.Linear(info.shape[0], outputs(info)))


@source("plain")
class Plain(Source):
    """``plain:WIDTH``: one hidden layer."""

    title = "a plain network"
    summary = "One hidden layer of this width."
    example = "plain:8"
    kinds = ("tabular",)

    def build(self, rest, wanted):
        return nn.Sequential(
            nn.Linear(wanted.info.shape[0], int(rest)), nn.Tanh(), nn.Linear(int(rest), wanted.outputs)
        )
