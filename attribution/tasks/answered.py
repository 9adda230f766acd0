"""What a model of somebody else's answered, as outputs that the task's loss takes: probabilities, logits or numbers."""

import numpy as np

from attribution.errors import UserError
from attribution.tasks.base import Described, Task

SUM = 1e-2  # by which probabilities of one sample may differ from 1 together
SMALLEST = 1e-7  # a probability becomes a logit between this and 1 minus this
HEADS = ("", "p_", "prob_", "probability_", "logit_", "logits_", "output_")  # what people put before a class's name


def bare(column: str, names: list[str]) -> str:
    """The class that a column is called by, without what stands before it; the column itself for none."""
    found = (column[len(head) :] for head in HEADS if column.startswith(head))
    return next((each for each in found if each in names), column)


def check_width(task: Task, info: Described, width: int, name: str) -> None:
    """``UserError`` where ``width`` numbers a sample are no answer to the task; of two classes one number is enough."""
    wanted = task.out_features(info)
    two = task.kind == "class" and len(task.classes) == 2
    if width != wanted and not (two and width in (1, 2)):
        named = f": {', '.join(task.classes[:5])}" if task.classes else ""
        raise UserError(
            f"{name} has {width} numbers per sample.",
            f"The task ({task.name}) has {wanted}{named}.",
            "Write one column for each, in this order or called so.",
        )


def as_outputs(task: Task, info: Described, values: np.ndarray, logits: bool | None, name: str) -> np.ndarray:
    """Outputs ``(n, c)`` float64 from values ``(n, k)``: numbers standardised, probabilities as logits. ``logits``:
    whether they call themselves so; None: they are unless they can be probabilities."""
    if task.kind == "number":
        return np.asarray(task.targets.standardised(values))  # type: ignore[attr-defined]
    each = task.kind == "set" or values.shape[1] == 1  # every column is a probability of its own
    single = task.out_features(info) == 1
    possible = bool(((values >= 0) & (values <= 1)).all()) and (each or _sum_to_one(values))
    if logits is False and not possible:
        raise UserError(
            f"{name} calls itself probabilities and has values that are none: outside of 0 to 1, or not summing to 1.",
            "Losses are made from them.",
            "Put the outputs through a softmax, or call the columns logit_CLASS.",
        )
    z = _log_odds(values, each) if possible and not logits else values
    if z.shape[1] == 1 and not single:
        return np.hstack([np.zeros_like(z), z])
    return z[:, 1:] - z[:, :1] if single and z.shape[1] == 2 else z


def _sum_to_one(values: np.ndarray) -> bool:
    return bool((abs(values.sum(axis=1) - 1) < SUM).all())


def _log_odds(p: np.ndarray, each: bool) -> np.ndarray:
    if each:
        inside = p.clip(SMALLEST, 1 - SMALLEST)
        return np.asarray(np.log(inside) - np.log1p(-inside))
    return np.asarray(np.log(p.clip(1e-30, 1)))
