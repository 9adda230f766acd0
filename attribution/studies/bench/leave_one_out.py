"""True leave-one-out where it can be had exactly: one linear layer with an L2 penalty, trained to its optimum by Newton
steps (``training.linear``)."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from attribution.errors import UserError
from attribution.progress import Progress
from attribution.training.linear import LinearFit

if TYPE_CHECKING:
    from attribution.training.trained import TrainedModel

LARGEST = 2000  # parameters: a step factorises a matrix of that side


def leave_one_out(
    fit: LinearFit, left_out: np.ndarray, asked: tuple[Tensor, Tensor], progress: Progress | None = None
) -> np.ndarray:
    """Rise of the losses of ``asked`` (inputs (q, d), targets (q, ...)) when each of the samples ``left_out`` is
    missing: ``(len(left_out), q)``.

    Positive = the sample helped. One Newton run per sample, from the optimum with all of them: two or three steps.
    """
    before = fit.losses(fit.optimum[None], *asked)  # (1, q)
    truth = np.zeros((len(left_out), len(asked[0])))
    for done, row in enumerate(left_out):
        (progress or Progress()).update(done, len(left_out), "leaving training samples out one by one")
        shares = fit.even.clone()
        shares[int(row)] = 0
        weights = fit.newton(shares, fit.optimum)
        truth[done] = (fit.losses(weights[None], *asked) - before)[0].numpy()
    return truth


def as_linear(trained: "TrainedModel") -> LinearFit:
    """The training set of a model that is one linear layer on the flattened input, with a 1 at the end of the inputs,
    and the L2 penalty of its recipe. ``UserError`` for any other model."""
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
    if size > LARGEST or not recipe.plain or not recipe.weight_decay > 0 or recipe.freeze or recipe.patience:
        raise UserError(
            f"{size:,} weights, {recipe.optimizer} and an L2 penalty of {recipe.weight_decay:g} do not have an "
            "exact optimum here.",
            f"At most {LARGEST:,} weights, sgd to the last epoch on all of them, and a penalty above 0 are needed.",
            "Read the linear datamodeling score instead.",
        )
    x, y = inputs(trained, trained.rows)
    return LinearFit(trained.task, x, y, recipe.weight_decay, layers[0].out_features)


def inputs(trained: "TrainedModel", rows: np.ndarray) -> tuple[Tensor, Tensor]:
    """Flattened inputs of these rows with a 1 at the end ``(b, d + 1)`` float64, and their targets, on the CPU."""
    x, y = trained.batch(rows)
    flat = x.cpu().double().flatten(1)
    targets = y.cpu().double() if y.is_floating_point() else y.cpu()
    return torch.cat([flat, torch.ones(len(flat), 1, dtype=torch.float64)], 1), targets
