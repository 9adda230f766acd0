"""The training recipe as pure functions: optimiser, batch order, checkpoint epochs and their influence weights."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from attribution.errors import UserError
from attribution.settings.configs import TrainConfig
from attribution.training.order import cuts
from attribution.training.order import epoch_seed as epoch_seed


def make_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """The recipe's optimiser on the trainable weights, with PyTorch's usual values where the recipe has none."""
    weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not weights:
        raise UserError(
            "The model has no trainable weights.", "There is nothing to train.", "Set requires_grad on some of them."
        )
    shared: dict[str, Any] = {"lr": config.lr, "weight_decay": config.weight_decay}
    if config.optimizer in ("adamw", "adam"):
        kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
        return kind(weights, betas=(config.betas[0], config.betas[1]), **shared)
    if config.optimizer == "rmsprop":
        return torch.optim.RMSprop(weights, **shared)
    return torch.optim.SGD(weights, momentum=config.momentum, nesterov=config.optimizer == "nesterov", **shared)


def checkpoint_epochs(epochs: int, count: int) -> list[int]:
    """Epochs (from 1) after which weights are kept: ``count`` of them, evenly spaced, the last one included."""
    return sorted({math.ceil(epochs * index / count) for index in range(1, count + 1)})


def influence_weight(lr_sum: float, n: int, config: TrainConfig) -> float:
    """How much one training sample moves the weights along its gradient in a stretch of training: TracInCP's factor for
    a checkpoint.

    One update moves the weights by ``lr / b`` times the summed gradients of its ``b`` samples, and momentum repeats it
    ``1 / (1 - momentum)`` times in the long run. A sample is in a batch with probability ``b / n``, so a stretch whose
    learning rates sum to ``lr_sum`` moves the weights by ``lr_sum / (n (1 - momentum))`` along the sample's gradient.
    Then the sum over checkpoints of weight times gradient dot product estimates by how many nats the sample lowered the
    query's loss (Pruthi et al. 2020, "Estimating training data influence by tracing gradient descent", sec. 3.2). A
    clipped step counts by how far it went; Nesterov's momentum adds up to the same. Adam and its like rescale each
    coordinate, and a moving average holds back what came last: there ``lr_sum / n`` gives an order, not nats
    (``TrainConfig.plain``).
    """
    return lr_sum / (n * (1 - config.momentum)) if config.plain else lr_sum / n


def epoch_order(active: np.ndarray, seed: int) -> Tensor:
    """Positions of the active training samples in a random order, ``(n_active,)`` int64.

    All samples are shuffled and the dropped ones left out, so versions of the data that differ in a few samples are
    visited in the same order: what remains between two trainings is the edit, not another shuffle.
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(active), generator=generator)
    return order[torch.from_numpy(np.asarray(active, dtype=bool).copy())[order]]


def batches(order: Tensor, size: int, *, least: int = 1) -> Iterator[Tensor]:
    """Cut ``order`` into batches of ``size``; a rest smaller than ``least`` joins the batch before it.

    ``least`` is 2 for models with batch normalisation, which cannot be trained on a single sample.
    """
    for start, end in itertools.pairwise(cuts(len(order), size, least)):
        yield order[start:end]
