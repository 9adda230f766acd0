"""Compressed per-sample gradients: a few numbers a sample whose inner products estimate those of the full gradients.

A compression is a linear map, fixed by its settings and the model's parameters alone, so compressed gradients of any
two batches compare. All are unbiased: the inner product of two compressed gradients is the gradients' own on average
over seeds. Linear and convolution layers are compressed side by side, inputs and output gradients each for themselves
before they are multiplied, so the full gradient never exists.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from attribution.gradients.contract import blocks
from attribution.gradients.convolution import Convolution
from attribution.gradients.factors import Dense, Factor, Outer, Rows
from attribution.gradients.probe import AT_USE, CLOSED, Plan, covered_parameters
from attribution.gradients.project import Sketch, project

Sizes = tuple[int, int, int]  # groups h, outputs o and inputs i per group; (1, 1, p) for a parameter that has no sides


@dataclass(frozen=True)
class Compression(ABC):
    """``dim`` numbers per sample at most; another ``seed`` is another draw."""

    dim: int = 512
    seed: int = 0

    @abstractmethod
    def maps(self, parts: Mapping[str, Sizes], device: torch.device) -> "dict[str, Map]":
        """By parameter, the map of its gradients into the shared result."""

    def generator(self, name: str) -> torch.Generator:
        """Chance that belongs to a parameter's name."""
        digest = hashlib.sha256(f"{self.seed}:{type(self).__name__}:{name}".encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


class Map(ABC):
    """Adds the compressed gradients of one parameter to the result."""

    @abstractmethod
    def add(self, factor: Factor, into: Tensor, budget_bytes: int) -> None:
        """``into`` is ``(b, dim)``."""


@final
@dataclass(frozen=True)
class Projected(Compression):
    """A random sparse projection of all parameters together (``project.Sketch``): the reference; variance about |u|^2
    |v|^2 / dim.

    Johnson-Lindenstrauss by a balanced count sketch, Weinberger et al. 2009, arXiv:0902.2206. Cost: one pass over the
    written-out gradient.
    """

    def maps(self, parts: Mapping[str, Sizes], device: torch.device) -> "dict[str, Map]":
        return {
            name: _Sketched(Sketch(name, h * o * i, self.dim, self.seed, device)) for name, (h, o, i) in parts.items()
        }


@final
@dataclass(frozen=True)
class Masked(Compression):
    """GraSS: a random mask keeps some entries of the gradient, a sparse projection adds them up to ``dim`` numbers.

    Every parameter keeps an equal share of ``dim * entries`` entries, a small one all of its own. A layer with sides is
    masked by sides: some outputs and some inputs (for a convolution, places of its patches) are drawn, and only their
    products are formed. ``entries`` 1 is the mask alone, unless there are more parameters than ``dim``. Cost: b t (o' +
    i') + b h t o' i' for a layer, o' and i' the sides that are kept. Hu et al. 2025, GraSS: Scalable Data Attribution
    with Gradient Sparsification and Sparse Projection, arXiv:2505.18976.
    """

    entries: int = 64

    def maps(self, parts: Mapping[str, Sizes], device: torch.device) -> "dict[str, Map]":
        shares = _shares(self.dim * self.entries, {name: h * o * i for name, (h, o, i) in parts.items()})
        masks = {name: _Mask.drawn(parts[name], shares[name], self.generator(name), device) for name in parts}
        if sum(mask.numel for mask in masks.values()) > self.dim:
            sketches = {name: Sketch(name, mask.numel, self.dim, self.seed, device) for name, mask in masks.items()}
            return {
                name: _MaskedSketch(mask, sketches[name]) if mask.narrow else _Sketched(sketches[name])
                for name, mask in masks.items()
            }
        found: dict[str, Map] = {}
        start = 0
        for name, mask in masks.items():
            found[name] = _MaskedOnly(mask, start)
            start += mask.numel
        return found


@final
@dataclass(frozen=True)
class Factored(Compression):
    """LoGra-like: a layer's output gradients and inputs are each projected to a few random directions, then multiplied.

    Every parameter has an equal share of ``dim`` numbers of its own, a small one no more than its size; one without
    sides takes a sparse projection. Variance is larger than that of ``Projected`` with as many numbers, since a layer
    has only a + b directions for a b numbers. Choe et al. 2024, What is Your Data Worth to GPT?, arXiv:2405.13954, with
    random directions.
    """

    def maps(self, parts: Mapping[str, Sizes], device: torch.device) -> "dict[str, Map]":
        shares = _shares(self.dim, {name: h * o * i for name, (h, o, i) in parts.items()})
        found: dict[str, Map] = {}
        start = 0
        for name, (h, o, i) in parts.items():
            share = shares[name]
            if (h, o) == (1, 1):
                found[name] = _Sketched(Sketch(name, i, share, self.seed, device), start)
                start += share
                continue
            outputs, inputs = _fitting(o, i, share // h)
            generator = self.generator(name)
            found[name] = _Sides(
                _directions(o, outputs, generator, device), _directions(i, inputs, generator, device), start
            )
            start += h * outputs * inputs
        return found


def sided(model: nn.Module, plan: Plan) -> list[str]:
    """The weights whose gradients have an output and an input side in one group: those of plain linear and convolution
    layers, wherever they are kept."""
    found = []
    for name, (groups, _, _) in sizes_of(model, plan).items():
        module = plan.modules.get(name.rpartition(".")[0])
        known = name in plan.sides or isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d)
        if known and groups == 1 and covered_parameters(model)[name].dim() > 1:
            found.append(name)
    return found


def sizes_of(model: nn.Module, plan: Plan) -> dict[str, Sizes]:
    """By covered parameter, the sides that its closed form has."""
    found: dict[str, Sizes] = {}
    parameters = covered_parameters(model)
    for route in plan.routes:
        parameter = parameters[route.parameter]
        module = plan.modules.get(route.module)
        if route.path == CLOSED and isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d) and parameter.dim() > 1:
            groups = getattr(module, "groups", 1)
            found[route.parameter] = (groups, parameter.shape[0] // groups, parameter[0].numel())
        else:
            sides = plan.sides.get(route.parameter) if route.path == AT_USE else None
            found[route.parameter] = sides or (1, 1, parameter.numel())
    return found


def compress(
    factors: Iterable[tuple[int, int, str, Factor]], maps: Mapping[str, Map], into: Tensor, budget_bytes: int
) -> Tensor:
    """Compressed gradients ``(b, dim)``: those of all ``(start, stop, parameter, factor)`` added to ``into``, which
    starts as zeros."""
    for start, stop, name, factor in factors:
        maps[name].add(factor, into[start:stop], budget_bytes)
    return into


def _shares(total: int, sizes: Mapping[str, int]) -> dict[str, int]:
    """An equal share of ``total`` for each, but at least 1 and no more than its size; what small ones leave is shared
    among the others."""
    found: dict[str, int] = {}
    for place, name in enumerate(sorted(sizes, key=lambda name: sizes[name])):
        found[name] = min(sizes[name], max(1, (total - sum(found.values())) // (len(sizes) - place)))
    return found


def _fitting(o: int, i: int, share: int) -> tuple[int, int]:
    """Sizes a <= o and b <= i of the two sides with a * b at most ``share`` (at least 1), as alike as the sides
    allow."""
    a = max(1, min(o, int(share**0.5)))
    b = max(1, min(i, share // a))
    return max(1, min(o, share // b)), b


def _directions(size: int, count: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """Random directions ``(size, count)`` float64 whose Gram matrix is the identity on average; the identity itself
    where all are kept."""
    if count == size:
        return torch.eye(size, dtype=torch.float64, device=device)
    return (torch.randn(size, count, generator=generator, dtype=torch.float64) / count**0.5).to(device)


@dataclass(frozen=True)
class _Mask:
    """The outputs and inputs that are kept, the same in every group, and what entries are multiplied with to stay
    unbiased."""

    sizes: Sizes
    outputs: Tensor
    inputs: Tensor
    scale: float

    @staticmethod
    def drawn(sizes: Sizes, share: int, generator: torch.Generator, device: torch.device) -> "_Mask":
        h, o, i = sizes
        outputs = min(o, max(1, share // h), max(1, round(o * min(1.0, share / (h * o * i)) ** 0.5)))
        inputs = min(i, max(1, share // (h * outputs)))
        kept = [
            torch.randperm(size, generator=generator)[:count].sort().values.to(device)
            for size, count in ((o, outputs), (i, inputs))
        ]
        return _Mask(sizes, kept[0], kept[1], (o * i / (outputs * inputs)) ** 0.5)

    @property
    def numel(self) -> int:
        """Entries kept."""
        return self.sizes[0] * len(self.outputs) * len(self.inputs)

    @property
    def narrow(self) -> bool:
        """Whether it leaves anything out."""
        return self.scale > 1

    def pieces(self, factor: Factor, budget_bytes: int) -> Iterator[tuple[int, int, Factor]]:
        """``(start, stop, kept entries)`` of blocks of samples; the others are never formed."""
        if isinstance(factor, Outer | Convolution):
            sample_bytes = factor.itemsize * self.sizes[0] * factor.sizes[1] * (len(self.outputs) + len(self.inputs))
            for start, stop in blocks(factor.count, budget_bytes // (2 * sample_bytes)):
                part = factor.narrowed(start, stop, self.outputs, self.inputs)
                yield start, stop, Outer(part.left * self.scale, part.right, (self.numel,))
        else:
            yield 0, factor.count, Dense(factor.dense().index_select(1, self.inputs) * self.scale, (self.numel,))

    def touched(self, factor: Rows) -> tuple[Tensor, Tensor, Tensor]:
        """Samples, places among the kept entries and values ``(m,)`` of an embedding's gradients."""
        place = torch.full((factor.numel,), -1, dtype=torch.int64, device=self.inputs.device)
        place[self.inputs] = torch.arange(len(self.inputs), device=self.inputs.device)
        found = place[factor.entries()]  # (m, d)
        samples = factor.samples[:, None].expand_as(found)
        kept = found >= 0
        return samples[kept], found[kept], factor.values[kept] * self.scale


@final
@dataclass(frozen=True)
class _Sketched(Map):
    """All entries, projected."""

    sketch: Sketch
    start: int = 0

    def add(self, factor: Factor, into: Tensor, budget_bytes: int) -> None:
        into[:, self.start : self.start + self.sketch.dim] += project(factor, self.sketch, budget_bytes)


@final
@dataclass(frozen=True)
class _MaskedSketch(Map):
    """The kept entries, projected."""

    mask: _Mask
    sketch: Sketch

    def add(self, factor: Factor, into: Tensor, budget_bytes: int) -> None:
        if isinstance(factor, Rows):
            into += self.sketch.scattered(*self.mask.touched(factor), factor.count)
            return
        for start, stop, part in self.mask.pieces(factor, budget_bytes):
            into[start:stop] += project(part, self.sketch, budget_bytes)


@final
@dataclass(frozen=True)
class _MaskedOnly(Map):
    """The kept entries as they are, from place ``start`` on."""

    mask: _Mask
    start: int

    def add(self, factor: Factor, into: Tensor, budget_bytes: int) -> None:
        if isinstance(factor, Rows):
            samples, places, values = self.mask.touched(factor)
            into.index_put_((samples, places + self.start), values.to(into.dtype), accumulate=True)
            return
        for start, stop, part in self.mask.pieces(factor, budget_bytes):
            into[start:stop, self.start : self.start + self.mask.numel] += part.dense()


@final
@dataclass(frozen=True)
class _Sides(Map):
    """Both sides projected by ``outputs (o, a)`` and ``inputs (i, b)``, then multiplied."""

    outputs: Tensor
    inputs: Tensor
    start: int

    def add(self, factor: Factor, into: Tensor, budget_bytes: int) -> None:
        assert isinstance(factor, Outer | Convolution)
        h, t, o, i = factor.sizes
        outputs, inputs = self.outputs.to(factor.dtype), self.inputs.to(factor.dtype)
        stop_at = self.start + h * outputs.shape[1] * inputs.shape[1]
        for start, stop in blocks(factor.count, budget_bytes // (2 * factor.itemsize * h * t * (o + i))):
            part = factor.block(start, stop)
            small = Outer(part.left @ outputs, part.right @ inputs, (stop_at - self.start,))
            into[start:stop, self.start : stop_at] += small.dense()
