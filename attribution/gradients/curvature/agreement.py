"""Whether a task and a loss say the same: the task's gradient and curvature at the outputs against the loss's own."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from attribution.errors import UserError
from attribution.tasks.base import Task

PROBES = 32  # samples that the loss is tried on: it may weigh some targets otherwise
AGREES = 1e-3  # relative; rounding is 1e-6, another loss is off by tens of percent
NARROW = 32  # outputs up to which the root is tried, too


def check_task(task: Task, loss: Callable[[Tensor, Tensor], Tensor], outputs: Tensor, targets: Tensor) -> None:
    """``UserError`` unless ``loss`` has the gradient and the Hessian that ``task`` says.

    ``outputs`` (b, ...) give shape, type and device, ``targets`` (b, ...) what the loss is given; it is asked at seeded
    moderate outputs and at targets that the task draws for them (the given ones, in turn, where it draws none), since a
    model that is sure of its samples has no gradient by which losses could be told apart. A task without curvature
    promises none. Cost: two backward passes through the loss alone.
    """
    unfit = task.unfit(outputs, targets)
    if unfit:
        raise _refusal(task, unfit)
    if task.no_curvature:
        return
    z, v = _probes(outputs)
    targets = _targets(task, z, targets)
    slope, turned = _derivatives(loss, z, targets, v)
    if slope is None or turned is None:
        raise _refusal(task, f"The loss is not {task.formula}.")
    told = [(slope, task.residual(z, targets)), (turned, task.curved(z, targets, v))]
    if z[0].numel() <= NARROW:
        told.append((turned, Task.curved(task, z, targets, v)))  # by the root's columns
    if any(_far(found, said) for found, said in told):
        raise _refusal(task, f"The loss is not {task.formula}.")


def _probes(outputs: Tensor) -> tuple[Tensor, Tensor]:
    """Seeded outputs and directions ``(PROBES, ...)``."""
    kind = torch.promote_types(outputs.dtype, torch.float32)  # half a float tells no losses apart
    generator = torch.Generator().manual_seed(0)
    shape = (PROBES, *outputs.shape[1:])
    z, v = (torch.randn(shape, generator=generator).to(outputs.device, kind) for _ in range(2))
    return z, v


def _targets(task: Task, z: Tensor, targets: Tensor) -> Tensor:
    """Targets for the probes, of the given ones' type."""
    drawn = task.draw(z, np.random.default_rng(0).random(len(z)))
    if drawn is None:
        return targets[torch.arange(len(z), device=targets.device) % len(targets)]
    return drawn.to(targets.dtype)


def _derivatives(
    loss: Callable[[Tensor, Tensor], Tensor], z: Tensor, targets: Tensor, v: Tensor
) -> tuple[Tensor | None, Tensor | None]:
    """The loss's gradient at ``z`` and its Hessian times ``v``; None where it has none."""
    with torch.enable_grad():
        z = z.clone().requires_grad_()
        (slope,) = torch.autograd.grad(loss(z, targets).sum(), z, create_graph=True, allow_unused=True)
        curved = slope is not None and slope.requires_grad
        turned = torch.autograd.grad((slope * v).sum(), z, allow_unused=True)[0] if curved else None
    return None if slope is None else slope.detach(), turned


def _far(found: Tensor, wanted: Tensor) -> bool:
    return not bool((found - wanted).norm() <= AGREES * wanted.norm())


def _refusal(task: Task, what: str) -> UserError:
    return UserError(
        what,
        f"The curvature used here is that of {task.formula}; for anything else its numbers would be wrong.",
        "Use an estimator without curvature, such as ip, cosine or tracin"
        + (f"; {task.advice}." if task.advice else "."),
    )
