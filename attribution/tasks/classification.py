"""The classification task: its loss and its margin, one value per sample."""

import torch
from torch import Tensor
from torch.nn import functional


def per_sample_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of each sample, in nats.

    ``logits`` is ``(b, c)`` float, ``labels`` ``(b,)`` int64 class indices; the result is ``(b,)``. Nothing is
    averaged, so the gradient of entry i belongs to sample i alone.
    """
    return functional.cross_entropy(logits, labels, reduction="none")  # (b,)


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """Logit of the label minus the largest other logit, ``(b,)``; negative where the model prefers another class.

    Averaged over the epochs of a training it is the area under the margin, AUM (Pleiss et al. 2020, "Identifying
    mislabeled data using the area under the margin ranking", eq. 1). With a single class there is no other logit and
    the margin is infinite.
    """
    chosen = logits.gather(1, labels[:, None])[:, 0]  # (b,)
    others = logits.scatter(1, labels[:, None], float("-inf")).amax(dim=1)  # (b,)
    return chosen - others


def log_odds(logits: Tensor, labels: Tensor) -> Tensor:
    """``log(p / (1 - p))`` of the label, ``(b,)``: its logit minus the log-sum-exp of the others.

    A margin that is smooth and does not saturate: TRAK's model output (Park et al. 2023, arXiv:2303.14186). Infinite
    with a single class.
    """
    chosen = logits.gather(1, labels[:, None])[:, 0]  # (b,)
    return chosen - logits.scatter(1, labels[:, None], float("-inf")).logsumexp(dim=1)


def confidence(logits: Tensor, labels: Tensor) -> Tensor:
    """Probability that the model gives to the label, ``(b,)`` in [0, 1]."""
    return torch.softmax(logits, dim=1).gather(1, labels[:, None])[:, 0]


def negative_margin(logits: Tensor, labels: Tensor) -> Tensor:
    """The largest other logit minus that of the label, ``(b,)``: ``margin`` with the sign of a loss, lower is
    better."""
    return -margin(logits, labels)
