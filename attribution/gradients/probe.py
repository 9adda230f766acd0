"""Chooses closed form or fallback for every parameter, by trying three samples against autograd; finds batch-coupled
models.

Closed forms see a module's inputs and outputs only. A weight that is also used elsewhere (tied, or read by the parent
as attention does), a subclass with another forward, a sample axis that is not the first: all of these would give a
wrong number without a word. So each closed form must first reproduce autograd on three samples and random output
gradients, sample by sample; what does not takes the fallback.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from attribution.errors import UserError
from attribution.gradients.capture import Loss, capture, counting_saved, evaluation, per_sample
from attribution.gradients.convolution import Convolution
from attribution.gradients.factors import Factor, Outer
from attribution.gradients.fallback import Fallback
from attribution.gradients.layers import handler_of
from attribution.gradients.trace import Trace

CLOSED = "closed form"
AT_USE = "at use"
VMAP = "vmap"
LOOP = "loop"


@dataclass(frozen=True)
class Route:
    """How one parameter's gradients are had, and why: by its layer's closed form, where it meets the batch (``trace``),
    or by a fallback."""

    parameter: str
    module: str
    layer: str
    path: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """The routes of all covered parameters, in the model's order."""

    routes: tuple[Route, ...]
    modules: Mapping[str, nn.Module]
    covers: tuple[tuple[nn.Parameter, bool], ...]  # the model's parameters and whether they required a gradient then
    # Covered parameter -> the modules that hold it, and its name there.
    holders: Mapping[str, tuple[tuple[nn.Module, str], ...]]
    saved: float = 0.0  # bytes that a backward pass keeps for each entry of the inputs
    seen: frozenset[tuple[str, str]] = frozenset()  # how parameters met the batch of three (``Trace.seen``)
    sides: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)  # of those whose gradients have sides

    @property
    def stale(self) -> bool:
        """Whether other parameters require a gradient than when the plan was made."""
        return any(parameter.requires_grad is not required for parameter, required in self.covers)

    @property
    def dtype(self) -> torch.dtype:
        """Of results: the model's, but at least float32."""
        return torch.promote_types(
            next(parameter.dtype for parameter, required in self.covers if required), torch.float32
        )

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.covers[0][0].device

    @cached_property
    def closed(self) -> frozenset[str]:
        """Parameters with a closed form."""
        return frozenset(route.parameter for route in self.routes if route.path == CLOSED)

    @cached_property
    def others(self) -> tuple[str, ...]:
        """Parameters that take the fallback."""
        return tuple(route.parameter for route in self.routes if route.path in (VMAP, LOOP))

    @cached_property
    def at_use(self) -> tuple[str, ...]:
        """Parameters whose gradients are had where they meet the batch."""
        return tuple(route.parameter for route in self.routes if route.path == AT_USE)

    def trace(self, b: int, within: Collection[str] | None = None) -> Trace | None:
        """What follows these parameters through a pass over b samples; None if there are none (``within``: of
        these)."""
        names = [name for name in self.at_use if within is None or name in within]
        held = {name: getattr(*self.holders[name][0]) for name in names}
        return Trace(held, b) if names else None

    def lost(self, trace: Trace) -> tuple[str, ...]:
        """The parameters that a trace followed in another way than the three samples that were tried: one sample alone
        leaves nothing to mistake."""
        if trace.b == 1 and not trace.unknown:
            return ()
        strange = {name for name, _ in trace.seen ^ self.seen} | trace.unknown.keys()
        return tuple(name for name in trace.parameters if name in strange)

    @cached_property
    def biases(self) -> dict[str, str]:
        """Weight -> bias of the linear layers that have closed forms of both."""
        pairs = [
            (f"{name}.weight".lstrip("."), f"{name}.bias".lstrip("."))
            for name, module in self.modules.items()
            if isinstance(module, nn.Linear)
        ]
        return {weight: bias for weight, bias in pairs if {weight, bias} <= self.closed}

    @cached_property
    def plain(self) -> bool:
        """Whether all covered parameters are those of linear and convolution layers: there, and not with attention and
        normalisation, forward mode is cheapest along one direction."""
        return not (self.others or self.at_use) and all(
            isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d) for module in self.modules.values()
        )

    @property
    def loop(self) -> bool:
        """Whether the fallback goes sample by sample."""
        return any(route.path == LOOP for route in self.routes)


def covered_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Parameters that require a gradient, by name; a tied one once, under its first name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def make_plan(model: nn.Module, x: Tensor, y: Tensor, loss: Loss) -> Plan:
    """Try the closed forms on three samples; ``UserError`` for a model whose samples are not independent."""
    refuse(model)
    covered = covered_parameters(model)
    owners = _owners(model)
    picked = torch.tensor([0, len(x) // 2, len(x) - 1], device=x.device)
    x = x[picked]
    y = y[picked.to(y.device)]
    with evaluation(model):
        with counting_saved(model) as saved:
            output = model(x)
        y, loss = _random_measure(output, len(x), y, loss)
        values = per_sample(loss(output, y), len(x))
        reference = _reference(values, covered)
        _require_finite(reference)
        verdicts, modules = _closed_forms(model, covered, owners, x, y, loss, reference)
        left = {name: parameter for name, parameter in covered.items() if verdicts[name]}
        followed = _followed(model, left, x, y, loss, reference)
    names = tuple(name for name in left if name in followed.failed)
    path, remark = _fallback_path(model, names, x, y, loss, reference) if names else (VMAP, "")
    routes = []
    for name in covered:
        module_name, module = owners[id(covered[name])][0]
        about = (name, module_name, type(module).__name__)
        reason = f"{verdicts[name]}; {followed.failed[name]}{remark}" if name in followed.failed else verdicts[name]
        routes.append(Route(*about, path if name in followed.failed else AT_USE if reason else CLOSED, reason))
    needed = {route.module for route in routes if route.path == CLOSED}
    return Plan(
        tuple(routes),
        {name: module for name, module in modules.items() if name in needed},
        tuple((parameter, parameter.requires_grad) for parameter in model.parameters()),
        _holders(owners, covered),
        sum(saved.values()) / max(1, x.numel()),
        followed.seen,
        followed.sides,
    )


class _Followed(NamedTuple):
    """Parameters that could not be followed to where they meet the batch, and why; of the others how they met it, and
    sides."""

    failed: dict[str, str]
    seen: frozenset[tuple[str, str]]
    sides: dict[str, tuple[int, int, int]]


def _followed(
    model: nn.Module,
    left: dict[str, nn.Parameter],
    x: Tensor,
    y: Tensor,
    loss: Loss,
    reference: dict[str, Tensor],
) -> _Followed:
    """Follow the parameters that no layer rule has to where they meet the batch, and compare with autograd."""
    trace = Trace(left, len(x))
    try:
        if left:
            capture(model, {}, x, y, loss, trace=trace)
        found = {name: factor for _, _, name, factor in trace.factors()} if trace.gradients else {}
    except RuntimeError as error:  # shapes that a rule does not know
        return _Followed(dict.fromkeys(left, f"not followed ({str(error).splitlines()[0][:80]})"), frozenset(), {})
    floor = max((float(rows.norm()) for rows in reference.values()), default=0.0)
    failed = dict(trace.unknown)
    for name in left.keys() - failed.keys():
        rows = found[name].dense() if name in found else torch.zeros_like(reference[name])
        if not agrees(rows, reference[name], floor):
            failed[name] = "its gradient differs where it meets the batch"
    sided = {name: factor for name, factor in found.items() if isinstance(factor, Outer | Convolution)}
    sides = {name: (factor.sizes[0], *factor.sizes[2:]) for name, factor in sided.items()}
    return _Followed(failed, frozenset(pair for pair in trace.seen if pair[0] not in failed), sides)


def refuse(model: nn.Module) -> None:
    """``UserError`` for layers known to be impossible: batch normalisation that mixes a batch, embeddings that change
    while they run."""
    for name, module in model.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is None:
            raise _coupled(name, type(module).__name__)
        if isinstance(module, nn.Embedding | nn.EmbeddingBag) and module.max_norm is not None:
            raise UserError(
                f"Layer {name!r} ({type(module).__name__}) has max_norm={module.max_norm}.",
                "It rescales its weights in every forward pass, so scoring would change the model.",
                "Rescale the weights once and set max_norm to None.",
            )


def _coupled(name: str, kind: str) -> UserError:
    return UserError(
        f"Layer {name!r} ({kind}) gives a sample another output when other samples share its batch.",
        "A loss that depends on the batch has no per-sample gradient, so influence would change with the batch size.",
        "Use running statistics in evaluation mode, or GroupNorm or LayerNorm.",
    )


def _owners(model: nn.Module) -> dict[int, list[tuple[str, nn.Module]]]:
    """For each parameter (by identity) the modules that hold it."""
    owners: dict[int, list[tuple[str, nn.Module]]] = {}
    for name, module in model.named_modules():
        for parameter in module._parameters.values():
            if parameter is not None:
                owners.setdefault(id(parameter), []).append((name, module))
    return owners


def _holders(
    owners: Mapping[int, list[tuple[str, nn.Module]]], covered: Mapping[str, nn.Parameter]
) -> Mapping[str, Any]:
    """For each covered parameter every module that holds it, with the name that it has there."""
    return {
        name: tuple(
            (module, own)
            for _, module in owners[id(parameter)]
            for own, held in module._parameters.items()
            if held is parameter
        )
        for name, parameter in covered.items()
    }


def _random_measure(output: Any, b: int, y: Tensor, loss: Loss) -> tuple[Tensor, Loss]:
    """A random linear measure of the output, so that a saturated loss (gradient zero) still tells right from wrong."""
    if not isinstance(output, Tensor) or not output.is_floating_point() or len(output) != b:
        return y, loss
    weights = torch.randn(output.shape, generator=torch.Generator().manual_seed(0)).to(output)
    return weights, lambda result, weight: (result * weight).reshape(len(weight), -1).sum(1)


def _reference(values: Tensor, covered: dict[str, nn.Parameter]) -> dict[str, Tensor]:
    """Autograd's gradients of each sample's measure ``values (3,)``, name -> ``(3, p)``."""
    rows = [
        torch.autograd.grad(value, list(covered.values()), retain_graph=True, allow_unused=True) for value in values
    ]
    return {
        name: torch.stack(
            [parameter.new_zeros(parameter.numel()) if row[k] is None else row[k].reshape(-1).detach() for row in rows]
        )
        for k, (name, parameter) in enumerate(covered.items())
    }


def _require_finite(reference: dict[str, Tensor]) -> None:
    for name, rows in reference.items():
        if not bool(rows.isfinite().all()):
            raise UserError(
                f"The gradient of parameter {name!r} is not finite on samples of the first batch.",
                "Every score would be NaN or infinite.",
                "Look for NaN in the inputs and in the checkpoint's weights.",
            )


def _closed_forms(
    model: nn.Module,
    covered: dict[str, nn.Parameter],
    owners: dict[int, list[tuple[str, nn.Module]]],
    x: Tensor,
    y: Tensor,
    loss: Loss,
    reference: dict[str, Tensor],
) -> tuple[dict[str, str], dict[str, nn.Module]]:
    """For every covered parameter the reason against its closed form (empty: it holds), and the modules that were
    tried."""
    verdicts, modules = {}, {}
    for name, parameter in covered.items():
        (module_name, module), *more = owners[id(parameter)]
        if more:
            verdicts[name] = "shared with " + ", ".join(other for other, _ in more)
        elif handler_of(module) is None:
            verdicts[name] = f"no closed form for {type(module).__name__}"
        else:
            verdicts[name] = "its gradient differs from autograd: it is used outside the layer's own forward"
            modules[module_name] = module
    calls = capture(model, modules, x, y, loss)
    floor = max((float(rows.norm()) for rows in reference.values()), default=0.0)
    for module_name, module in modules.items():
        own = {
            f"{module_name}.{name}".lstrip("."): name
            for name, parameter in module._parameters.items()
            if parameter is not None and len(owners[id(parameter)]) == 1
        }
        own = {full: name for full, name in own.items() if full in covered}
        found, reason = _tried(module, calls.get(module_name), len(x))
        for full, name in own.items():
            rows = found[name].dense() if name in found else torch.zeros_like(reference[full])
            verdicts[full] = "" if agrees(rows, reference[full], floor) else reason or verdicts[full]
    return verdicts, modules


@torch.no_grad()
def _tried(module: nn.Module, calls: Any, b: int) -> tuple[dict[str, Factor], str]:
    """A module's closed forms on its calls (none: it was not reached), and why they could not be had (or empty)."""
    handler = handler_of(module)
    assert handler is not None
    try:
        return (handler(module, calls, b) if calls is not None else {}), ""
    except RuntimeError as error:  # shapes that the closed form does not know
        return {}, f"its inputs have another layout ({str(error).splitlines()[0][:80]})"


def agrees(found: Tensor, expected: Tensor, floor: float) -> bool:
    """Equal up to rounding per sample; ``floor`` is the size below which a gradient counts as zero beside the
    others."""
    tolerance = {torch.float64: 1e-7, torch.float32: 1e-2}.get(expected.dtype, 0.1)
    difference = (found - expected).norm(dim=1)
    return bool((difference <= tolerance * (expected.norm(dim=1) + 1e-3 * floor)).all())


def _fallback_path(
    model: nn.Module, names: tuple[str, ...], x: Tensor, y: Tensor, loss: Loss, reference: dict[str, Tensor]
) -> tuple[str, str]:
    """vmap if it can trace the model and agrees with autograd, else the loop; ``UserError`` if neither does."""
    floor = max((float(rows.norm()) for rows in reference.values()), default=0.0)

    def right(loop: bool) -> bool:
        found = Fallback(model, names, loss, loop).gradients(x, y)
        return all(agrees(found[name].reshape(len(x), -1), reference[name], floor) for name in names)

    remark = "; vmap gives another gradient"
    try:
        if right(loop=False):
            return VMAP, ""
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError, TypeError) as error:  # what vmap raises for code that it cannot trace
        remark = f"; vmap cannot trace it ({str(error).strip().splitlines()[0][:120]})"
    if right(loop=True):
        return LOOP, remark
    raise first_coupled(model, x) or _coupled("", type(model).__name__)


def first_coupled(model: nn.Module, x: Tensor) -> UserError | None:
    """The error that names the first layer whose output for sample 0 depends on the rest of the batch; None if none
    does."""
    with evaluation(model), torch.no_grad():
        together = _outputs(model, x)
        alone = _outputs(model, x[:1])
    modules = dict(model.named_modules())
    for (name, many), (_, one) in zip(together, alone, strict=False):
        if many.shape[1:] == one.shape[1:] and many.is_floating_point():
            tolerance = 1e-7 if many.dtype == torch.float64 else 1e-2
            if not torch.allclose(many[: len(one)], one, rtol=tolerance, atol=tolerance * float(one.abs().max())):
                return _coupled(name, type(modules[name]).__name__)
    return None


def _outputs(model: nn.Module, x: Tensor) -> list[tuple[str, Tensor]]:
    """Name and output of every module in the order in which they return."""
    found: list[tuple[str, Tensor]] = []

    def keep(name: str) -> Any:
        return lambda module, args, output: (
            found.append((name, output.clone())) if isinstance(output, Tensor) and output.dim() else None
        )

    handles = [module.register_forward_hook(keep(name)) for name, module in model.named_modules()]
    try:
        model(x)
    finally:
        for handle in handles:
            handle.remove()
    return found
