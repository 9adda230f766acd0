"""Gradients of several weighted sums of a model's outputs, as layer factors: one forward pass for all, one backward
pass each."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor, nn

from attribution.gradients.capture import Use, evaluation, followed, ordinary, recorded
from attribution.gradients.contract import at_hand
from attribution.gradients.factors import Dense, Factor, Outer
from attribution.gradients.fallback import Fallback
from attribution.gradients.layers import Call, handler_of
from attribution.gradients.probe import covered_parameters

if TYPE_CHECKING:
    from attribution.gradients.engine import GradientEngine

# Up to so many activations, times r, one vectorised pass gives all gradients: small models are bound by calls.
_TOGETHER = 1 << 20


@dataclass(frozen=True)
class Shared:
    """A linear layer with one position: in row k the gradient of sample s is ``lefts[k, s] outer inputs[s]``, of its
    bias ``lefts[k, s]``.

    ``weight`` and ``bias`` (None: not covered) are names, ``inputs`` is ``(b, i)``, ``lefts`` ``(r, b, o)``.
    """

    weight: str
    bias: str | None
    inputs: Tensor
    lefts: Tensor

    def factors(self, k: int) -> dict[str, Factor]:
        """The gradients of row k."""
        left = self.lefts[k]
        shape = (left.shape[1], self.inputs.shape[1])
        found: dict[str, Factor] = {self.weight: Outer(left[:, None, None], self.inputs[:, None, None], shape)}
        return found if self.bias is None else found | {self.bias: Dense(left, shape[:1])}


def weighted_sum(output: Tensor, weights: Tensor) -> Tensor:
    """The measure of each sample: its outputs ``(b, ...)`` times its weights ``(b, ...)``, summed ``(b,)``."""
    return (output * weights).reshape(len(output), -1).sum(1)


@final
class Pullback:
    """For each k, the gradients of ``sum_c weights[k, i, c] output[i, c]`` for all samples i of a batch.

    ``weigh`` maps the output ``(b, ...)`` to the weights ``(r, b, ...)``; ``within`` leaves only the layers of these
    parameters. Iterating gives, row by row, parameter name -> factor for all but the linear layers with one position,
    which are in ``shared`` afterwards; ``rows`` gives all parameters row by row. A parameter that no output depends on
    is absent. Cost: one forward and r input-gradient passes; memory of the activations, held until the last k.
    """

    @torch.no_grad()
    def __init__(
        self,
        engine: "GradientEngine",
        x: Tensor,
        y: Tensor,
        weigh: Callable[[Tensor], Tensor],
        within: Collection[str] | None = None,
    ) -> None:
        self.engine = engine
        self.plan = engine.plan(x, y)
        self.x = ordinary(x)
        self._uses: list[Use] = []
        owners = {name.rpartition(".")[0] for name in within} if within is not None else self.plan.modules.keys()
        chosen = {name: module for name, module in self.plan.modules.items() if name in owners}
        self._trace = self.plan.trace(len(x), within)
        with evaluation(engine.model), recorded(chosen, self._uses):
            self._output: Tensor | None = followed(engine.model, self.x, self._trace)
        self._others = self.plan.others + (self.plan.lost(self._trace) if self._trace else ())
        assert self._output is not None
        self.weights = weigh(self._output.detach())
        self._single = self._singles()
        self._lefts: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return self.weights.shape[0]

    @property
    def shared(self) -> list[Shared]:
        """The linear layers with one position, complete once the rows were iterated over."""
        return [Shared(*self._single[place], self._uses[place].inputs, lefts) for place, lefts in self._lefts.items()]

    @torch.no_grad()
    def __iter__(self) -> Iterator[dict[str, Factor]]:
        b = self.x.shape[0]
        others = [place for place in range(len(self._uses)) if place not in self._single]
        for k, gradients in enumerate(self._backward()):
            found: dict[str, list[Call]] = {}
            for place in others:
                use = self._uses[place]
                gradient = gradients[place]
                if gradient is not None:
                    found.setdefault(use.layer, []).append(use.call(gradient))
            factors: dict[str, Factor] = {}
            for module_name, uses in found.items():
                module = self.plan.modules[module_name]
                handler = handler_of(module)
                assert handler is not None
                prefix = f"{module_name}." if module_name else ""
                factors |= {prefix + name: factor for name, factor in handler(module, uses, b).items()}
            factors = {name: factor for name, factor in factors.items() if name in self.plan.closed}
            yield factors | self._at_use(gradients[len(self._uses) :]) | self._written(k)

    @torch.no_grad()
    def rows(self) -> Iterator[dict[str, Factor]]:
        """All parameters row by row."""
        for k, factors in enumerate(self):
            for layer in self.shared:
                factors |= layer.factors(k)
            yield factors

    def _at_use(self, gradients: list[Tensor | None]) -> dict[str, Factor]:
        """The parameters that were followed to where they met the batch."""
        if self._trace is None:
            return {}
        self._trace.gradients = gradients
        return {name: factor for _, _, name, factor in self._trace.factors() if name not in self._others}

    def _written(self, k: int) -> dict[str, Factor]:
        """The parameters without a closed form."""
        if not self._others:
            return {}
        loop = self.plan.loop or self._others != self.plan.others
        shapes = {name: tuple(parameter.shape) for name, parameter in covered_parameters(self.engine.model).items()}
        found = Fallback(self.engine.model, self._others, weighted_sum, loop).gradients(self.x, self.weights[k])
        return {name: Dense(values.reshape(self.x.shape[0], -1), shapes[name]) for name, values in found.items()}

    def _singles(self) -> dict[int, tuple[str, str | None]]:
        """Call -> names of weight and bias, for linear layers that were called once on one row per sample and whose
        weight is covered."""
        names = [use.layer for use in self._uses]
        found: dict[int, tuple[str, str | None]] = {}
        for place, (name, inputs, *_) in enumerate(self._uses):
            weight, bias = (f"{name}.{part}" if name else part for part in ("weight", "bias"))
            plain = (
                isinstance(self.plan.modules[name], nn.Linear)
                and inputs.dim() == 2
                and inputs.shape[0] == self.x.shape[0]
            )
            if plain and names.count(name) == 1 and weight in self.plan.closed:
                found[place] = (weight, bias if bias in self.plan.closed else None)
        return found

    @property
    def _together(self) -> int:
        """Activations, times r, up to which one vectorised pass gives all gradients."""
        return at_hand(self.x.device, 4 * _TOGETHER, self.engine.budget_bytes // 4) // 4

    def _backward(self) -> Iterator[list[Tensor | None]]:
        """Gradients at the calls for each row of weights, those of the single linear layers put aside; one pass for a
        small model."""
        edges = [use.edge for use in self._uses] + (self._trace.edges if self._trace else [])
        weights = self.weights
        output = self._output
        self._output = None  # the graph is free after the last row
        if not edges or output is None:
            yield from ([] for _ in weights)
            return
        entries = sum(use.inputs.numel() for use in self._uses) + (self._trace.entries if self._trace else 0)
        if len(weights) > 1 and len(weights) * entries <= self._together:
            try:
                many = torch.autograd.grad(
                    output, edges, weights, retain_graph=True, allow_unused=True, is_grads_batched=True
                )
            except RuntimeError:  # an operation that cannot be vectorised
                pass
            else:
                self._lefts = {place: many[place] for place in self._single if many[place] is not None}
                for k in range(len(weights)):
                    yield [
                        None if part is None or place in self._single else part[k] for place, part in enumerate(many)
                    ]
                return
        for k, row in enumerate(weights):
            one = torch.autograd.grad(output, edges, row, retain_graph=k + 1 < len(weights), allow_unused=True)
            for place in self._single:
                if one[place] is not None:
                    if place not in self._lefts:
                        self._lefts[place] = one[place].new_empty(len(weights), *one[place].shape)
                    self._lefts[place][k] = one[place]
            yield list(one)
