"""What is measured of a split from its logits: mean loss and accuracy, and the dynamics of each sample."""

from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from attribution.tasks.classification import confidence, margin, per_sample_loss
from attribution.training.dynamics import DYNAMICS


def measure(logits: Tensor, labels: Tensor, epoch: int, split: str) -> list[dict[str, Any]]:
    """One line of the metrics table (loss in nats, accuracy 0 to 1, n) from CPU logits ``(n, c)``; no line for an empty
    split."""
    if not len(labels):
        return []
    loss = per_sample_loss(logits, labels).double().mean().item()
    accuracy = (logits.argmax(dim=1) == labels).double().mean().item()
    return [{"epoch": epoch, "split": split, "loss": loss, "accuracy": accuracy, "n": len(labels)}]


def dynamics_table(logits: Tensor, labels: Tensor, rows: np.ndarray, epoch: int) -> pd.DataFrame:
    """The dynamics of one epoch (columns and types as ``DYNAMICS``) from CPU logits ``(n, c)`` of these rows."""
    columns = {
        "row": rows,
        "epoch": np.full(len(rows), epoch),
        "loss": per_sample_loss(logits, labels).numpy(),
        "margin": margin(logits, labels).numpy(),
        "prediction": logits.argmax(dim=1).numpy(),
        "confidence": confidence(logits, labels).numpy(),
    }
    return pd.DataFrame({name: columns[name].astype(kind) for name, kind in DYNAMICS.items()})


def epoch_message(metrics: list[dict[str, Any]], epochs: int) -> str:
    """How far a training is, in plain words, with the newest validation accuracy (training accuracy without a
    validation split)."""
    if not metrics:
        return f"epoch 1 of {epochs}"
    newest = {entry["split"]: entry["accuracy"] for entry in metrics}
    split, word = ("val", "validation") if "val" in newest else ("train", "training")
    return f"epoch {metrics[-1]['epoch']} of {epochs}, {word} accuracy {100 * newest[split]:.1f} %"
