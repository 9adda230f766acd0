"""Closed forms: how each layer type's inputs and output gradients become the factors of its per-sample parameter
gradients.

One function per type, filed by ``@handles``, one file each in ``rules``; a new layer type is one more file. A function
receives the module, its calls in this forward pass (a layer may be used twice) and the number of samples b, and returns
one ``Factor`` for each of its own parameters. Tensors have the sample axis first, either as ``(b, ...)`` or flattened
sample by sample with positions as ``(b * t, ...)``; a layer that is fed otherwise is found by the probe (``probe.py``)
and takes the fallback.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from attribution.gradients.factors import Factor
from attribution.registry import Registry


class Call(NamedTuple):
    """One use of a layer: what went in, the gradient of the summed loss with respect to what came out, and, of a
    ``Norm``, what came out (None where that is not known)."""

    inputs: Tensor
    gradient: Tensor
    outputs: Tensor | None = None

    def to(self, dtype: torch.dtype) -> "Call":
        """In another precision, without the outputs: theirs was lower."""
        return Call(self.inputs.to(dtype) if self.inputs.is_floating_point() else self.inputs, self.gradient.to(dtype))


Norm = (
    nn.LayerNorm
    | nn.RMSNorm
    | nn.GroupNorm
    | nn.BatchNorm1d
    | nn.BatchNorm2d
    | nn.BatchNorm3d
    | nn.InstanceNorm1d
    | nn.InstanceNorm2d
)
Handler = Callable[[nn.Module, list[Call], int], dict[str, Factor]]
_HANDLERS: dict[type[nn.Module], Handler] = {}
rules = Registry("layer rule", "attribution.gradients.rules")


def handles(*types: type[nn.Module]) -> Callable[[Handler], Handler]:
    """Decorator that files a closed form for module types."""

    def put(handler: Handler) -> Handler:
        _HANDLERS.update(dict.fromkeys(types, handler))
        rules.register(handler.__name__)(handler)
        return handler

    return put


def handler_of(module: nn.Module) -> Handler | None:
    """The closed form for a module's type or its nearest base type, None if there is none."""
    rules.names()  # finds them all
    own = _HANDLERS.get(type(module))
    return own or next((_HANDLERS[kind] for kind in type(module).__mro__ if kind in _HANDLERS), None)
