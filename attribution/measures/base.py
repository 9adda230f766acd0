"""What every measure offers: one number about a model on some rows, lower is better, and its gradient."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from attribution.errors import UserError
from attribution.settings import ranges
from attribution.settings.options import NoSettings
from attribution.tasks.serves import Serves

if TYPE_CHECKING:
    from torch import Tensor

    from attribution.gradients.capture import Loss
    from attribution.gradients.queries import QueryGradients
    from attribution.tasks.base import Task
    from attribution.training.trained import TrainedModel


class Measure(Serves, ABC):
    """m(rows) = sum_i w_i f(model(x'_i), y'_i): a signed sum over rows of one number per sample. LOWER IS BETTER.

    So a positive influence means that training on a sample lowers the measure: the loss falls, the margin grows, the
    gap closes. A subclass is one file: the words below, ``per_sample`` (f) and, where they differ from the mean over
    the rows as they are, ``weights`` (w), ``inputs`` (x') and ``targets`` (y'). What can be set is a dataclass in its
    file.
    """

    name: ClassVar[str]
    title: ClassVar[str]  # plain words for the user
    summary: ClassVar[str]  # what a low value means, and when to ask
    formula: ClassVar[str]
    unit: ClassVar[str]
    source: ClassVar[str]
    needs: ClassVar[str] = ""  # what the data must have, in words
    group_only: ClassVar[bool] = False  # no meaning for one row
    Settings: ClassVar[type[ranges.Settings]] = NoSettings  # a frozen dataclass with what can be set

    def __init__(self, settings: ranges.Settings | None = None) -> None:
        self.settings: Any = self.Settings() if settings is None else settings

    def options(self) -> dict[str, Any]:
        """Name and settings: enters the fingerprint of what was asked."""
        return {"name": self.name, **dataclasses.asdict(self.settings)}

    @abstractmethod
    def per_sample(self, trained: "TrainedModel") -> "Loss":
        """f: ``(outputs (b, ...), targets (b, ...)) -> (b,)``; an equal object at every call, so that engines are
        shared."""

    def measured_in(self, task: "Task") -> str:
        """Its unit for this task."""
        return self.unit

    def inputs(self, trained: "TrainedModel", x: "Tensor", y: "Tensor", checkpoint: int = -1) -> "Tensor":
        """x': the inputs that the model is given in the place of ``x``."""
        return x

    def targets(self, trained: "TrainedModel", x: "Tensor", y: "Tensor") -> "Tensor":
        """y': what f is given in the place of the targets ``y``, the same at every checkpoint."""
        return y

    def asked(self, trained: "TrainedModel", x: "Tensor", y: "Tensor", checkpoint: int = -1) -> "tuple[Tensor, Tensor]":
        """x' and y' of a batch."""
        return self.inputs(trained, x, y, checkpoint), self.targets(trained, x, y)

    def weights(self, trained: "TrainedModel", rows: np.ndarray, checkpoint: int = -1) -> np.ndarray:
        """w (n,) float64: one over n. ``UserError`` where the rows do not carry what the measure needs."""
        return np.full(len(rows), 1 / len(rows))

    def values(self, trained: "TrainedModel", rows: Sequence[int] | np.ndarray, checkpoint: int = -1) -> np.ndarray:
        """f of every row (n,) float64."""
        import torch

        parts = []
        model = trained.model(checkpoint)
        for x, y in trained.batches(np.asarray(rows)):
            moved, said = self.asked(trained, x, y, checkpoint)
            with torch.no_grad():
                parts.append(self.per_sample(trained)(model(moved), said).double().cpu().numpy())
            trained.count(len(y))
        return np.concatenate(parts)

    def value(self, trained: "TrainedModel", rows: Sequence[int] | np.ndarray, checkpoint: int = -1) -> float:
        """The measure on these rows, in ``unit``. Cost: one forward pass over them, and the attack's passes if there is
        one."""
        rows = np.asarray(rows, dtype=np.int64)
        return float(self.weights(trained, rows, checkpoint) @ self.values(trained, rows, checkpoint))

    def gradient(
        self, trained: "TrainedModel", rows: Sequence[int] | np.ndarray, checkpoint: int = -1
    ) -> "dict[str, Tensor]":
        """Gradient of ``value`` with respect to the covered parameters, by name.

        Adversarial points and the choice of the groups furthest apart are held where the model is: by Danskin's theorem
        this is the gradient of a maximum.
        """
        rows = np.asarray(rows, dtype=np.int64)
        weights = self.weights(trained, rows, checkpoint)
        engine = trained.engine(checkpoint, self.per_sample(trained))
        total: dict[str, Tensor] = {}
        for weight in np.unique(weights[weights != 0]):
            part = rows[weights == weight]
            mean = engine.mean_gradient(self.asked(trained, x, y, checkpoint) for x, y in trained.batches(part))
            share = float(weight) * len(part)
            share = 1.0 if abs(share - 1) < 1e-9 else share  # a mean
            for name, value in mean.items():
                total[name] = total[name] + share * value if name in total else share * value
        return total

    def queries(self, trained: "TrainedModel", rows: Sequence[int], checkpoint: int = -1) -> "QueryGradients":
        """One query per row, for measures that one row has; ``UserError`` for ``group_only`` ones."""
        from attribution.gradients.queries import QueryGradients

        if self.group_only:
            splits = [split for split in ("val", "test", "train") if len(trained.dataset.rows(split)) > 1]
            raise UserError(
                f"{self.name} was asked of one sample.",
                "It compares groups of samples, so a single one has none.",
                f"Ask about several as a group: `--group` with `--queries {splits[0] if splits else 'train'}`, or "
                "a selection.",
            )
        engine = trained.engine(checkpoint, self.per_sample(trained))
        return QueryGradients.stack(
            [engine.queries(*self.asked(trained, x, y, checkpoint)) for x, y in trained.batches(list(rows))]
        )
