"""Which parameters may move: whole rows of linear and convolution weights that the asked samples use, or pull on,
most."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from attribution.errors import UserError
from attribution.gradients.capture import Loss, capture, evaluation
from attribution.gradients.curvature import Layout
from attribution.gradients.probe import covered_parameters
from attribution.tasks.classification import PLAIN

OUTPUTS, GRADIENTS, RANDOM = "outputs", "gradients", "random"
DEFAULT_RATIO = 0.05
SELECTIONS = (OUTPUTS, GRADIENTS, RANDOM)
LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def layers_with_rows(model: nn.Module) -> dict[str, nn.Module]:
    """The linear and convolution layers whose weight or bias is covered, by name; ``UserError`` if there is none."""
    covered = covered_parameters(model)
    found: dict[str, nn.Module] = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, LAYERS) and any(_parameter(name, kind) in covered for kind in ("weight", "bias"))
    }
    if not found:
        raise UserError(
            "The model has no linear or convolution layer that is trained.",
            "Parameters are chosen by the rows of such layers.",
            "Use ratio 1 (all parameters), or influence-cg.",
        )
    return found


def row_means(model: nn.Module, x: Tensor, y: Tensor, by: str = OUTPUTS, loss: Loss = PLAIN.loss) -> dict[str, Tensor]:
    """How strongly each sample drives each row of each layer: layer name -> ``(b, rows)``.

    ``outputs``: the layer's output before any activation, mean over positions. ``gradients``: the gradient of the
    sample's loss with respect to that output, mean over positions; about one backward pass. Signed: a query of several
    samples takes the mean, then the size. A layer that is not reached is absent.
    """
    layers = layers_with_rows(model)
    with evaluation(model):
        if by == GRADIENTS:
            calls = capture(model, layers, x, y, loss)
            return {
                name: torch.stack([_over_positions(layers[name], call.gradient) for call in found]).mean(0)
                for name, found in calls.items()
            }
        return _outputs(model, layers, x)


def select(
    model: nn.Module, means: Mapping[str, Tensor], ratio: float = DEFAULT_RATIO, by: str = OUTPUTS, seed: int = 0
) -> Tensor:
    """A mask over the covered parameters ``(P,)`` bool in the order of ``Layout``: the rows (weight and bias) of every
    layer with the largest ``|means[layer]|`` ``(rows,)``; ``random`` draws as many rows and reads no means.

    Of a layer with r rows max(1, floor(ratio * r)) are taken, so a layer with few rows gives more than its share and
    the whole is near ``ratio``, not exactly it. Ratio 1 takes every covered parameter, of other layers too; below 1 the
    others (norms, embeddings) stay fixed. Ties go to the lower row. Source: arXiv 2312.05586; their remainder of a row
    is left out here.
    """
    _check(ratio, by)
    covered = covered_parameters(model)
    layout = Layout(covered)
    if ratio == 1:
        return torch.ones(layout.size, dtype=torch.bool, device=layout.device)
    generator = torch.Generator().manual_seed(seed)
    chosen = {
        name: torch.zeros(parameter.shape, dtype=torch.bool, device=layout.device)
        for name, parameter in covered.items()
    }
    for name, module in layers_with_rows(model).items():
        rows = len(next(p for p in (module.weight, module.bias) if isinstance(p, Tensor)))
        count = max(1, int(ratio * rows + 1e-9))
        if by == RANDOM:
            top = torch.randperm(rows, generator=generator)[:count].to(layout.device)
        else:
            size = means[name].abs() if name in means else torch.zeros(rows, device=layout.device)
            top = size.argsort(descending=True, stable=True)[:count]
        for kind in ("weight", "bias"):
            if _parameter(name, kind) in chosen:
                chosen[_parameter(name, kind)][top] = True
    return torch.cat([part.reshape(-1) for part in chosen.values()])


def select_for(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    ratio: float = DEFAULT_RATIO,
    by: str = OUTPUTS,
    seed: int = 0,
    loss: Loss = PLAIN.loss,
) -> Tensor:
    """``select`` for the mean over all samples of all batches."""
    total: dict[str, Tensor] = {}
    for x, y in batches if by != RANDOM and ratio < 1 else ():
        for name, means in row_means(model, x, y, by, loss).items():
            total[name] = total.get(name, 0) + means.sum(0)
    return select(model, total, ratio, by, seed)


def _check(ratio: float, by: str) -> None:
    if by not in SELECTIONS:
        raise UserError(f"There is no selection {by!r}.", "", f"Choose one of: {', '.join(SELECTIONS)}.")
    if not 0 < ratio <= 1:
        raise UserError(
            f"The ratio is {ratio:g}.",
            "It is the share of the parameters that may move.",
            "Set it above 0 and at most 1.",
        )


def _parameter(layer: str, kind: str) -> str:
    return f"{layer}.{kind}" if layer else kind


def _over_positions(module: nn.Module, values: Tensor) -> Tensor:
    """``(b, rows)``: the mean over every axis but the sample's and the channels'."""
    values = values.detach()
    if isinstance(module, nn.Linear):
        return values.reshape(len(values), -1, values.shape[-1]).mean(1)
    return values.reshape(len(values), values.shape[1], -1).mean(2)


def _outputs(model: nn.Module, layers: Mapping[str, nn.Module], x: Tensor) -> dict[str, Tensor]:
    found: dict[str, list[Tensor]] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, output: Tensor) -> None:
            found.setdefault(name, []).append(_over_positions(module, output))

        return hook

    handles = [module.register_forward_hook(keep(name), prepend=True) for name, module in layers.items()]
    try:
        with torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
    return {name: torch.stack(parts).mean(0) for name, parts in found.items()}
