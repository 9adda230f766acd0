"""Gradients of parameters where they meet the batch: tokens, positions, scales and weights that no layer rule knows.

Until a parameter, or something made of parameters and constants alone (a slice, a standardised kernel), meets a tensor
that belongs to samples, it is the same for all of them. There it is replaced by one copy per sample, or the call is
recorded as a layer's would be, and one backward pass gives the per-sample gradients of what met the batch; what was
done to the parameter before is undone by autograd for all samples at once. ``functions`` has a file per kind of
meeting; what none of them knows is refused by name, and the parameter takes the fallback.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.overrides import TorchFunctionMode

from attribution.gradients.contract import blocks
from attribution.gradients.convolution import added
from attribution.gradients.factors import Dense, Factor
from attribution.registry import Registry

_SAMPLES = "_belongs_to_samples"  # mark on tensors of this pass that were computed from the batch
_OF_THE_FIRST = ("to", "type_as", "new_zeros", "new_ones")  # what they give depends on the first argument alone
Part = Callable[[Tensor], Factor]  # gradient at a meeting to the per-sample gradients of what met the batch there
Meeting = Callable[["Trace", Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
functions = Registry("function rule", "attribution.gradients.functions")
_MEETINGS: dict[Any, Meeting] = {}


class Unknown(Exception):
    """A parameter meets the batch in a way that has no rule; the text says which."""


# Arguments and shapes that a rule does not know.
_NOT_KNOWN = (Unknown, RuntimeError, TypeError, ValueError, LookupError)


def meets(*known: Any) -> Callable[[Meeting], Meeting]:
    """Decorator that files what is done where one of these functions brings a parameter and the batch together: the
    function itself, or its name (of tensor methods as well); (name,) where there is no batch yet."""

    def put(meeting: Meeting) -> Meeting:
        _MEETINGS.update(dict.fromkeys(known, meeting))
        functions.register(meeting.__name__)(meeting)
        return meeting

    return put


@dataclass(frozen=True)
class _Met:
    """One place in the graph and what can be said about parameters from the gradient there."""

    edge: GradientEdge
    shape: torch.Size
    parts: list[tuple[Tensor, Part]]


@final
class Trace(TorchFunctionMode):
    """Inside, the model's forward pass over a batch of ``b`` samples; then ``factors`` of its ``parameters``.

    ``start`` gives the batch to hand to the model. ``seen`` is which parameters met the batch by which functions: it is
    the same for every batch, or the rules mistook something for the batch (a number of positions that happens to be
    b). ``unknown`` says of the parameters that could not be followed why.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], b: int) -> None:
        super().__init__()
        functions.names()  # finds them all
        self.parameters = parameters
        self.b = b
        self.seen: set[tuple[str, str]] = set()
        self.unknown: dict[str, str] = {}
        self.gradients: list[Tensor | None] = []  # at ``edges``, once there was a backward pass
        self._met: list[_Met] = []
        self._held: dict[int, Tensor] = {id(parameter): parameter for parameter in parameters.values()}
        self._names = {id(parameter): frozenset([name]) for name, parameter in parameters.items()}

    @staticmethod
    def start(x: Tensor) -> Tensor:
        """The batch, marked as such."""
        alias = x.detach()
        setattr(alias, _SAMPLES, True)
        return alias

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        own = batch = False
        for value in _tensors(args, kwargs):
            if id(value) in self._held:
                own = True
            elif hasattr(value, _SAMPLES):
                batch = True
        if own and batch and getattr(func, "__name__", "") not in _OF_THE_FIRST:
            return self._meeting(func, args, kwargs)
        if own:
            return self._made(func, args, kwargs)
        output = func(*args, **kwargs)
        return self._marked(func, args, output) if batch else output

    def holds(self, value: Any) -> bool:
        """Whether a value is one of the parameters or made of them alone."""
        return isinstance(value, Tensor) and id(value) in self._held

    def of_samples(self, output: Any) -> Any:
        """The same, marked as computed from the batch."""
        for value in output if isinstance(output, tuple | list) else (output,):
            if isinstance(value, Tensor):
                setattr(value, _SAMPLES, True)
        return output

    def _marked(self, func: Any, args: Any, output: Any) -> Any:
        """What the batch went into; a constant that is only given the batch's type stays one."""
        name = getattr(func, "__name__", "")
        if name == "__setitem__":
            self.of_samples(args[0])
        keeps = name in _OF_THE_FIRST and not hasattr(args[0], _SAMPLES)
        return output if keeps else self.of_samples(output)

    def at(self, made: Tensor, shape: torch.Size, *parts: tuple[Tensor, Part]) -> None:
        """The gradient at ``made``, seen in this shape, will say the per-sample gradients of ``parts``."""
        self._met.append(_Met(get_gradient_edge(made), shape, list(parts)))

    def expanded(self, value: Tensor, dim: int, rows: int) -> Tensor:
        """A copy for each sample of what shall be combined element by element with ``rows`` rows (b, or several to a
        sample) of a tensor of ``dim`` dimensions."""
        whole = value[(None,) * (dim - value.dim())] if value.dim() < dim else value
        if rows % self.b or whole.dim() > dim or whole.shape[0] != 1:
            raise Unknown(f"shape {tuple(value.shape)} beside {rows} rows of {self.b} samples")
        made = whole.expand(rows, *whole.shape[1:])
        self.at(made, made.shape, (value, lambda g: Dense(summed(g, self.b, value.numel()), tuple(value.shape))))
        return made

    def _meeting(self, func: Any, args: Any, kwargs: Any) -> Any:
        """A parameter meets the batch: by its rule, or as it is, and then the parameter is not followed any more."""
        name = getattr(func, "__name__", str(func))
        names = self._of(args, kwargs)
        rule = _MEETINGS.get(func) or _MEETINGS.get(name)
        done = len(self._met)
        try:
            if rule is None:
                raise Unknown("no rule")
            output = rule(self, func, args, kwargs)
            self.seen |= {(parameter, name) for parameter in names}
        except torch.OutOfMemoryError:
            raise
        except _NOT_KNOWN as why:  # what is wrong with the call itself is raised again by the call as it is
            del self._met[done:]
            said = (str(why) or type(why).__name__).splitlines()[0][:80]
            self.unknown |= dict.fromkeys(names, f"met by {name} ({said})")
            output = func(*args, **kwargs)
        return self.of_samples(output)

    def _made(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Something is made of parameters and constants alone."""
        rule = _MEETINGS.get((func.__name__,)) if hasattr(func, "__name__") else None
        output = None if rule is None else rule(self, func, args, kwargs)
        if output is not None:
            self.seen |= {(parameter, func.__name__) for parameter in self._of(args, kwargs)}
            return self.of_samples(output)
        output = func(*args, **kwargs)
        for value in output if isinstance(output, tuple | list) else (output,):
            if isinstance(value, Tensor) and value.requires_grad and id(value) not in self._held:
                self._held[id(value)] = value
                self._names[id(value)] = self._of(args, kwargs)
        return output

    def _of(self, args: Any, kwargs: Any) -> frozenset[str]:
        return frozenset().union(*(self._names[id(value)] for value in _tensors(args, kwargs) if self.holds(value)))

    @property
    def edges(self) -> list[GradientEdge]:
        """Where gradients are wanted."""
        return [met.edge for met in self._met]

    @property
    def entries(self) -> int:
        """How many numbers these gradients are."""
        return sum(met.shape.numel() for met in self._met)

    @torch.no_grad()
    def factors(self, room_bytes: int = 0) -> Iterator[tuple[int, int, str, Factor]]:
        """``(start, stop, parameter, factor)`` from the ``gradients``; those of parameters that were changed before
        they met the batch, or that met it in several ways (a tied table), are written out, for as many samples at once
        as fit ``room_bytes`` (0: all)."""
        for name, by_value in self._by_parameter().items():
            parameter = self.parameters[name]
            whole = added(by_value[id(parameter)]) if list(by_value) == [id(parameter)] else None
            if whole is not None:
                yield 0, self.b, name, whole
                continue
            size = room_bytes // (4 * parameter.nbytes) if room_bytes else self.b
            for start, stop in blocks(self.b, size):
                yield start, stop, name, self._undone(parameter, by_value, start, stop)

    def _by_parameter(self) -> dict[str, dict[int, list[Factor]]]:
        """Parameter -> what was made of it (or itself) -> gradients at each place where that met the batch."""
        found: dict[str, dict[int, list[Factor]]] = {}
        for met, gradient in zip(self._met, self.gradients, strict=True):
            if gradient is None:
                continue
            for value, part in met.parts:
                factor = part(gradient.to(value.dtype).reshape(met.shape))
                for name in self._names[id(value)] - self.unknown.keys():
                    found.setdefault(name, {}).setdefault(id(value), []).append(factor)
        return found

    def _undone(self, parameter: nn.Parameter, by_value: Mapping[int, list[Factor]], start: int, stop: int) -> Dense:
        """Gradients of a parameter ``(stop - start, p)`` from those of what was made of it."""
        total = parameter.new_zeros(stop - start, parameter.numel())
        for value, factors in by_value.items():
            rows = factors[0].written(start, stop)
            for factor in factors[1:]:
                rows = rows + factor.written(start, stop)
            made = self._held[value]
            if made is not parameter:
                rows = _pulled(made, parameter, rows.to(made.dtype)).to(total.dtype)
            total += rows
        return Dense(total, tuple(parameter.shape))


def _pulled(made: Tensor, parameter: Tensor, rows: Tensor) -> Tensor:
    """Gradients ``rows (b, ...)`` of what was made of a parameter, as gradients of the parameter ``(b, p)``."""
    grown = rows.reshape(len(rows), *made.shape)
    with torch.enable_grad():
        try:
            found = torch.autograd.grad(made, parameter, grown, True, allow_unused=True, is_grads_batched=True)[0]
        except RuntimeError:  # an operation that cannot be vectorised
            each = [torch.autograd.grad(made, parameter, row, True)[0] for row in grown]
            found = torch.stack(each)
    return found.reshape(len(rows), -1) if found is not None else rows.new_zeros(len(rows), parameter.numel())


def summed(gradient: Tensor, b: int, p: int) -> Tensor:
    """Gradients with several rows to a sample, sample by sample, as ``(b, p)``."""
    return gradient.reshape(b, p) if gradient.numel() == b * p else gradient.reshape(b, -1, p).sum(1)


def _tensors(args: Any, kwargs: Any) -> Iterator[Tensor]:
    """The tensors among a function's arguments, also in lists of them."""
    for value in (*args, *kwargs.values()) if kwargs else args:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, tuple | list):
            for inner in value:
                if isinstance(inner, Tensor):
                    yield inner
