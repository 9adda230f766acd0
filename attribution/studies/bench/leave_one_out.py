"""True leave-one-out where it can be had exactly: softmax regression with an L2 penalty, trained to its optimum by
Newton steps.

The objective is ``sum_i w_i CE_i + l2 / 2 |theta|^2`` with w = 1 / n. A sample that is left out gets weight 0 and the
others keep theirs, as in the influence formula, so that the truth and the estimate answer the same question.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attribution.errors import UserError
from attribution.progress import Progress

if TYPE_CHECKING:
    from attribution.training.trained import TrainedModel

TOLERANCE = 1e-11
LARGEST = 2000  # parameters: a step factorises a matrix of that side


def newton(x: Tensor, y: Tensor, weights: Tensor, l2: float, start: Tensor, classes: int) -> Tensor:
    """Parameters ``(c, d)`` that minimise the objective, to ``TOLERANCE`` of the gradient's largest entry; ``x`` (n, d)
    float64, all parameters are penalised. Weights (n,) may be negative."""
    theta = start.clone()
    one_hot = F.one_hot(y, classes).to(x)
    for _ in range(100):
        p = (x @ theta.T).softmax(1)  # (n, c)
        slope = ((p - one_hot) * weights[:, None]).T @ x + l2 * theta  # (c, d)
        if float(slope.abs().max()) < TOLERANCE:
            break
        matrix = hessian(x, p, weights)
        matrix.diagonal().add_(l2)
        theta = theta - torch.linalg.solve(matrix, slope.flatten()).reshape(theta.shape)
    return theta


def hessian(x: Tensor, p: Tensor, weights: Tensor) -> Tensor:
    """Second derivative of the weighted cross-entropy ``(c d, c d)`` at probabilities ``p`` (n, c)."""
    weighted = x * weights[:, None]
    blocks = -torch.einsum("na,nb,ni,nj->aibj", p, p, weighted, x)  # (c, d, c, d)
    for label in range(p.shape[1]):
        blocks[label, :, label, :] += (weighted * p[:, [label]]).T @ x
    return blocks.reshape(p.shape[1] * x.shape[1], -1)


def leave_one_out(
    x: Tensor,
    y: Tensor,
    l2: float,
    left_out: np.ndarray,
    asked: tuple[Tensor, Tensor],
    classes: int,
    progress: Progress | None = None,
) -> np.ndarray:
    """Rise of the losses of ``asked`` (inputs (q, d), labels (q,)) when each of the rows ``left_out`` is missing:
    ``(len(left_out), q)``.

    Positive = the sample helped. One Newton run per sample, from the optimum with all of them: two or three steps.
    """
    n = len(x)
    even = torch.full((n,), 1 / n, dtype=x.dtype)
    best = newton(x, y, even, l2, torch.zeros(classes, x.shape[1], dtype=x.dtype), classes)
    before = F.cross_entropy(asked[0] @ best.T, asked[1], reduction="none")
    truth = np.zeros((len(left_out), len(asked[1])))
    for done, row in enumerate(left_out):
        (progress or Progress()).update(done, len(left_out), "leaving training samples out one by one")
        weights = even.clone()
        weights[int(row)] = 0
        theta = newton(x, y, weights, l2, best, classes)
        truth[done] = (F.cross_entropy(asked[0] @ theta.T, asked[1], reduction="none") - before).numpy()
    return truth


def as_softmax_regression(trained: "TrainedModel") -> tuple[Tensor, Tensor, float]:
    """The training set of a model that is one linear layer on the flattened input: inputs with a 1 at the end (n, d +
    1) float64, labels (n,), and the L2 penalty of its recipe. ``UserError`` for any other model."""
    model = trained.model()
    recipe = trained.run.train_config
    layers = [layer for layer in model.modules() if not list(layer.children()) and not isinstance(layer, nn.Flatten)]
    if len(layers) != 1 or not isinstance(layers[0], nn.Linear) or layers[0].bias is None:
        raise UserError(
            "The model is not a single linear layer.",
            "Leaving one sample out moves a network less than its training noise does, so there is no exact answer.",
            "Read the linear datamodeling score instead, or train the network `logistic`.",
        )
    if trained.run.config.get("source") == "loaded":
        raise UserError(
            "Your weights were trained elsewhere.",
            "With which L2 penalty is not known, so there is no exact optimum to leave a sample out of.",
            "Read the linear datamodeling score instead, or train the model here.",
        )
    size = layers[0].weight.numel() + layers[0].bias.numel()
    if size > LARGEST or recipe.optimizer != "sgd" or not recipe.weight_decay > 0:
        raise UserError(
            f"{size:,} weights, {recipe.optimizer} and an L2 penalty of {recipe.weight_decay:g} do not have an "
            "exact optimum here.",
            f"At most {LARGEST:,} weights, sgd, and a penalty above 0 are needed.",
            "Read the linear datamodeling score instead.",
        )
    x, y = inputs(trained, trained.rows)
    return x, y, recipe.weight_decay


def inputs(trained: "TrainedModel", rows: np.ndarray) -> tuple[Tensor, Tensor]:
    """Flattened inputs of these rows with a 1 at the end ``(b, d + 1)`` float64, and their labels, on the CPU."""
    x, y = trained.batch(rows)
    flat = x.cpu().double().flatten(1)
    return torch.cat([flat, torch.ones(len(flat), 1, dtype=torch.float64)], 1), y.cpu()
