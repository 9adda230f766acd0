"""What the influences through chosen parameters share: choose by the query, solve once per query, take dot products
with the training set."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from attribution.estimators._preconditioned import CurvatureSettings, Preconditioned
from attribution.estimators.base import Query
from attribution.measures.query import query_gradients
from attribution.settings.ranges import opt

if TYPE_CHECKING:
    import torch

TOGETHER = 64  # rows solved at once: bounds the vectors of the model's size that a large group takes


@dataclass(frozen=True)
class SelectedSettings(CurvatureSettings):
    """The damping of all curvature estimators, and which parameters may move."""

    ratio: float = opt(
        0.05, "Share of the parameters that may move, near it by whole rows; 1: all of them.", above=0.0, high=1.0
    )
    selection: str = opt(
        "outputs",
        "How those are chosen: outputs, gradients (largest means over the query) or random.",
        choices=("outputs", "gradients", "random"),
    )


class Selected(Preconditioned):
    """influence(i, q) = (1 / n) g_q^T d(g_i): the drop in the query's loss if only the parameters J(q) answered to
    sample i.

    ``d`` is the step of the subclass's ``variant`` (``attribution.gradients.selected``), with the curvature and damping
    of all curvature estimators. J is ``ratio`` of the rows of every linear and convolution layer, chosen on the query
    alone by ``selection``. A query of several rows is the mean over them, each through its own parameters: a choice for
    all of them together would be another question, and not linear in the query. As the solve is a transpose, one per
    asked row serves every training sample.
    """

    Settings = SelectedSettings
    settings: SelectedSettings
    variant: ClassVar[str]
    tolerance: float = 1e-5
    iterations: int = 200
    source = (
        "Generalized Influence Functions, arXiv 2312.05586; the form per pair of samples, by one solve per "
        "query, is this project's."
    )
    copies = 6
    loss_only = True
    rounds = "iterations"

    _mask: "torch.Tensor"
    _reached: dict[str, float]

    def options(self) -> dict[str, Any]:
        own = {
            "ratio": self.settings.ratio,
            "selection": self.settings.selection,
            "tolerance": self.tolerance,
            "iterations": self.iterations,
        }
        return super().options() | own

    def notes(self) -> dict[str, Any]:
        return super().notes() | self._reached

    def solve(self, gradients: "torch.Tensor") -> "torch.Tensor":
        from attribution.gradients.selected import query_direction

        found = query_direction(self.curvature, gradients, self._mask, self.variant, self.tolerance, self.iterations)
        share = float(self._mask.double().mean(1).max())
        residual = float(found.residuals.max())
        reached = {"residual": residual, "iterations": found.iterations, "share": share}
        self._reached = {name: max(value, self._reached.get(name, 0)) for name, value in reached.items()}
        return found.x

    def prepare(self, queries: Sequence[Query]) -> None:
        import torch

        layout = self.curvature.layout
        self._reached = {}
        asked = [np.asarray(query.rows, dtype=np.int64) for query in queries]
        rows = np.unique(np.concatenate(asked))
        total = torch.zeros(len(queries), layout.size, dtype=layout.dtype, device=layout.device)
        for start in range(0, len(rows), TOGETHER):
            part = rows[start : start + TOGETHER]
            self._mask = self._chosen(part)
            single = [Query(str(row), (int(row),)) for row in part]
            directions = self.solve(layout.from_queries(query_gradients(self.trained, single)))  # (r, P)
            for column, members in enumerate(asked):
                counts = (part[:, None] == members).sum(1) / len(members)
                total[column] += torch.as_tensor(counts, dtype=layout.dtype, device=layout.device) @ directions
        self._queries = layout.to_queries(total)

    def _chosen(self, rows: np.ndarray) -> "torch.Tensor":
        """The parameters that may move for each of these rows, ``(r, P)``."""
        import torch

        from attribution.gradients.selected import row_means, select

        model = self.trained.model()
        x, y = self.trained.batch(rows)
        means = row_means(model, x, y, self.settings.selection, self.trained.task.loss)
        self.trained.count(3 * len(rows))
        each = [{name: values[place] for name, values in means.items()} for place in range(len(rows))]
        return torch.stack(
            [select(model, one, self.settings.ratio, self.settings.selection, self.seed) for one in each]
        )
