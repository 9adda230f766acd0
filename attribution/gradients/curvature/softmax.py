"""Whether a loss is softmax cross-entropy, the only one whose curvature this package knows: asked of the loss itself,
by its derivatives."""

from collections.abc import Callable

import torch
from torch import Tensor

from attribution.errors import UserError

PROBES = 32  # classes, spread over all, whose samples the loss is tried on: it may weigh one class otherwise
AGREES = 1e-3  # relative; rounding is 1e-6, another loss is off by tens of percent


def check_softmax(loss: Callable[[Tensor, Tensor], Tensor], logits: Tensor, y: Tensor) -> None:
    """``UserError`` unless ``loss`` has the gradient and the Hessian of softmax cross-entropy over at least two logits.

    ``logits`` (b, c) give shape, type and device, ``y`` (b,) the labels' type; the loss is asked at seeded moderate
    logits, since a model that is sure of its samples has no gradient by which losses could be told apart. Cost: two
    backward passes through the loss alone.
    """
    classes = logits.shape[1] if logits.dim() == 2 else 0
    if classes < 2:
        outputs = "one number per sample" if classes == 1 else f"the shape {tuple(logits.shape)}"
        raise _refusal(f"The model's output is {outputs}.")
    if y.dim() != 1 or y.is_floating_point() or y.is_complex():
        raise _refusal(
            f"The labels are {str(y.dtype).removeprefix('torch.')} of shape {tuple(y.shape)}, not one class per sample."
        )
    y = torch.linspace(0, classes - 1, min(classes, PROBES)).round().to(logits.device, y.dtype)
    kind = torch.promote_types(logits.dtype, torch.float32)  # half a float tells no losses apart
    generator = torch.Generator().manual_seed(0)
    z, v = (torch.randn(len(y), classes, generator=generator).to(logits.device, kind) for _ in range(2))
    with torch.enable_grad():
        z.requires_grad_()
        (slope,) = torch.autograd.grad(loss(z, y).sum(), z, create_graph=True, allow_unused=True)
        curved = slope is not None and slope.requires_grad
        turned = torch.autograd.grad((slope * v).sum(), z, allow_unused=True)[0] if curved else None
    p = z.detach().softmax(1)
    expected = p * (v - (p * v).sum(1, keepdim=True))  # (diag(p) - p p^T) v
    residual = p - torch.nn.functional.one_hot(y.long(), classes).to(p)
    if slope is None or turned is None or _far(slope.detach(), residual) or _far(turned, expected):
        raise _refusal("The loss is not softmax cross-entropy over the model's outputs.")


def _far(found: Tensor, wanted: Tensor) -> bool:
    return not bool((found - wanted).norm() <= AGREES * wanted.norm())


def _refusal(what: str) -> UserError:
    return UserError(
        what,
        "The curvature used here is that of softmax cross-entropy over two or more logits; for anything else its "
        "numbers would be wrong.",
        "Use an estimator without curvature, such as ip, cosine or tracin. A single logit z is the same model as "
        "the two logits (0, z).",
    )
