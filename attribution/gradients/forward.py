"""Dots along one direction in forward mode: how fast each sample's loss changes as the parameters move."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from attribution.gradients.capture import Loss, evaluation, per_sample
from attribution.gradients.factors import Dense
from attribution.gradients.queries import QueryGradients

# Parameter -> every module that holds it, and under which name there.
Holders = Mapping[str, tuple[tuple[nn.Module, str], ...]]


def slopes(
    model: nn.Module, holders: Holders, loss: Loss, x: Tensor, y: Tensor, query: QueryGradients
) -> Tensor | None:
    """Derivative of the samples' losses ``(b,)`` along a written-out query; None if it is not written out in the
    parameters' dtype.

    ``RuntimeError`` for an operation without a forward-mode derivative. Source: the Jacobian-vector product by dual
    numbers, as Baydin et al. 2022, arXiv 2202.08587, use it for gradients.
    """
    parameters = {name: getattr(*places[0]).detach() for name, places in holders.items()}
    if any(
        not isinstance(part, Dense) or part.values.dtype != parameters[name].dtype for name, part in query.parts.items()
    ):
        return None
    with evaluation(model), torch.no_grad(), forward_ad.dual_level():
        duals = {name: forward_ad.make_dual(parameters[name], along) for name, along in query.direction(0).items()}
        with _replaced(holders, duals):
            values = per_sample(loss(model(x), y), len(x))
        return forward_ad.unpack_dual(values).tangent


@contextmanager
def _replaced(holders: Holders, values: Mapping[str, Tensor]) -> Iterator[None]:
    """Inside, the model computes with these instead of its parameters; ``functional_call`` would look for their places
    in every batch."""
    own = [(module, name, module._parameters[name]) for parameter in values for module, name in holders[parameter]]
    try:
        for parameter, value in values.items():
            for module, name in holders[parameter]:
                module._parameters[name] = value  # type: ignore[assignment]
        yield
    finally:
        for module, name, held in own:
            module._parameters[name] = held
