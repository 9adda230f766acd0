"""Gradients of several weighted sums of a model's outputs, as layer factors: one forward pass for all, one backward pass each."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from attribution.gradients.capture import evaluation, ordinary, recorded
from attribution.gradients.factors import Dense, Factor
from attribution.gradients.fallback import Fallback
from attribution.gradients.layers import Call, handler_of
from attribution.gradients.probe import covered_parameters

if TYPE_CHECKING:
    from attribution.gradients.engine import GradientEngine

_TOGETHER = 1 << 20  # up to so many activations, times r, one vectorised pass gives all gradients: small models are bound by calls


def weighted_sum(output: Tensor, weights: Tensor) -> Tensor:
    """The measure of each sample: its outputs ``(b, c)`` times its weights ``(b, c)``, summed ``(b,)``."""
    return (output * weights).sum(1)


@torch.no_grad()
def pulled(engine: "GradientEngine", x: Tensor, y: Tensor, weigh: Callable[[Tensor], Tensor]) -> Iterator[dict[str, Factor]]:
    """For each k, the gradients of ``sum_c weights[k, i, c] output[i, c]`` for all samples i, parameter name -> factor.

    ``weigh`` maps the output ``(b, c)`` to the weights ``(r, b, c)``. A parameter that no output depends on is absent. Cost: one forward
    and r input-gradient passes; memory of the activations, held until the last k.
    """
    plan = engine.plan(x, y)
    x = ordinary(x)
    calls: list[tuple[str, Tensor, torch.autograd.graph.GradientEdge]] = []
    with evaluation(engine.model), recorded(plan.modules, calls):
        output = engine.model(x)
    weights = weigh(output.detach())
    edges = [edge for _, _, edge in calls]
    small = len(weights) * sum(inputs.numel() for _, inputs, _ in calls) <= _TOGETHER
    for row, gradients in zip(weights, _backward(output, edges, weights, small), strict=True):
        found: dict[str, list[Call]] = {}
        for (module_name, inputs, _), gradient in zip(calls, gradients, strict=True):
            if gradient is not None:
                found.setdefault(module_name, []).append(Call(inputs, gradient))
        factors: dict[str, Factor] = {}
        for module_name, uses in found.items():
            handler = handler_of(plan.modules[module_name])
            assert handler is not None
            prefix = f"{module_name}." if module_name else ""
            factors |= {prefix + name: factor for name, factor in handler(plan.modules[module_name], uses, len(x)).items()}
        factors = {name: factor for name, factor in factors.items() if name in plan.closed}
        if plan.others:
            shapes = {name: tuple(parameter.shape) for name, parameter in covered_parameters(engine.model).items()}
            written = Fallback(engine.model, plan.others, weighted_sum, plan.loop).gradients(x, row)
            factors |= {name: Dense(values.reshape(len(x), -1), shapes[name]) for name, values in written.items()}
        yield factors


def _backward(
    output: Tensor, edges: list[torch.autograd.graph.GradientEdge], weights: Tensor, small: bool
) -> Iterator[Sequence[Tensor | None]]:
    """Gradients at the edges for each row of weights; all rows in one go for a ``small`` model."""
    if not edges:
        for _ in weights:
            yield ()
        return
    if small and len(weights) > 1:
        try:
            many = torch.autograd.grad(output, edges, weights, retain_graph=True, allow_unused=True, is_grads_batched=True)
        except RuntimeError:  # an operation that cannot be vectorised
            many = None
        if many is not None:
            for k in range(len(weights)):
                yield [None if part is None else part[k] for part in many]
            return
    for k, row in enumerate(weights):
        yield torch.autograd.grad(output, edges, row, retain_graph=k + 1 < len(weights), allow_unused=True)
