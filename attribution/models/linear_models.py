"""Fitted linear models of scikit-learn as one linear layer: the same answers, to rounding."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from attribution.storage.files import whole_file
from attribution.tasks.base import Task
from attribution.tasks.targets import Numbers


@dataclass(frozen=True)
class Linear:
    """``x @ weight.T + bias`` for features ``x (n, d)``: weight (o, d), bias (o,), float64. ``l2``: the penalty
    ``l2 / 2 |weight|^2`` that stood beside the mean training loss, of all weights alike; None where it is not
    known."""

    weight: np.ndarray
    bias: np.ndarray
    l2: float | None

    def save(self, path: Path) -> None:
        """As the weights of the built-in network ``logistic``."""
        from safetensors.numpy import save_file

        found = {"1.weight": self.weight.astype(np.float32), "1.bias": self.bias.astype(np.float32)}
        with whole_file(path) as temporary:
            save_file(found, str(temporary))


def is_estimator(model: Any) -> bool:
    """Whether an object is a model or a pipeline of scikit-learn, or speaks like one."""
    return all(callable(getattr(model, name, None)) for name in ("predict", "get_params", "fit"))


def parts_of(model: Any) -> tuple[Any, Any]:
    """What a pipeline does to its inputs (None: nothing), and the model at its end."""
    if hasattr(model, "steps") and hasattr(model, "named_steps"):
        return (model[:-1] if len(model.steps) > 1 else None), model[-1]
    return None, model


def linear(model: Any, task: Task, n: int) -> Linear | None:
    """The layer that says what a fitted model says of its features, for outputs as the task has them; None for one
    that is not linear. ``n``: how many samples it was trained on. Whether the answers are the same is for the caller to
    see."""
    weight = np.asarray(getattr(model, "coef_", ()), dtype=np.float64)
    if not weight.size or not hasattr(model, "intercept_"):
        return None
    weight = np.atleast_2d(weight)
    bias = np.broadcast_to(np.asarray(model.intercept_, dtype=np.float64).reshape(-1), (len(weight),)).copy()
    if isinstance(task.targets, Numbers):
        scale = task.targets.std
        ridge = type(model).__name__ == "Ridge" and np.ndim(model.alpha) == 0
        penalty = 2 * float(model.alpha) / n if ridge else None  # its objective: summed squares plus alpha |w|^2
        return Linear(weight / scale, (bias - task.targets.mean) / scale, penalty)
    if task.kind != "class" or not hasattr(model, "classes_"):
        return None
    if len(weight) == 1 and len(model.classes_) == 2:  # one logit, of the second class
        weight = np.stack([0 * weight[0], weight[0]])
        bias = np.array([0.0, bias[0]])
    return Linear(weight, bias, _penalty(model, n))


def _penalty(model: Any, n: int) -> float | None:
    """Of a logistic regression: its objective is ``C`` times the summed loss plus half the squared weights."""
    strength = getattr(model, "C", None)
    plain = getattr(model, "penalty", "l2") in ("l2", "deprecated") and not getattr(model, "l1_ratio", None)
    return 1 / (float(strength) * n) if isinstance(strength, int | float) and plain and strength > 0 else None
