"""Datamodels: the query's loss as a linear function of which samples were trained on, fitted to models retrained on
random subsets."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from attribution.errors import UserError
from attribution.estimators import register
from attribution.estimators.base import Estimator, Query, ScoreBlock
from attribution.training.subsets import Subsets

if TYPE_CHECKING:
    from attribution.training.trained import TrainedModel

LEAST = 10  # models: fewer cannot say anything about hundreds of samples
GRID = np.geomspace(1e-3, 1e3, 13)  # ridge penalties tried, in mean eigenvalues of the centred membership matrix


def store_of(trained: "TrainedModel") -> Subsets:
    """The subset models of the subject's network, recipe and labels, beside the run's project; the store with the most
    models.

    ``UserError`` that says how to make them when there are fewer than ``LEAST``.
    """
    run = trained.run
    folder = getattr(run, "folder", None)
    found = (
        [Subsets.open(path.parent) for path in Path(folder).parent.parent.glob("subsets/*/about.json")]
        if folder
        else []
    )
    fitting = [store for store in found if store.answers_for(run, trained.labels.version)]
    best = max(fitting, key=lambda store: store.count, default=None)
    if best is None or best.count < LEAST:
        raise UserError(
            f"There are {best.count if best else 0} models retrained on random subsets for run {run.id}; at least "
            f"{LEAST} are needed.",
            "Datamodels are fitted to what retraining really did.",
            "Make them with `datablame compare` (page Compare), a few dozen at least, or use an estimator that "
            "needs no retraining.",
        )
    return best


def ridge(members: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """Coefficients (n, q) of ``losses (m, q)`` on ``members (m, n)``, both centred, with a ridge penalty per column.

    The penalty is the one of ``GRID`` with the least leave-one-out error, which is known in closed form from the dual
    problem (m by m), so columns never see each other and models far fewer than samples are no trouble.
    """
    x = members - members.mean(0)
    y = losses - losses.mean(0)
    m = len(x)
    values, vectors = np.linalg.eigh(x @ x.T)
    values = np.maximum(values, 0)  # (m,)
    turned = vectors.T @ y  # (m, q)
    best = np.zeros_like(y)
    least = np.full(y.shape[1], np.inf)
    for penalty in GRID * values.mean():
        dual = vectors @ (turned / (values + penalty)[:, None])  # (m, q)
        leverage = (vectors**2 / (values + penalty)).sum(1) * penalty - 1 / m  # 1 - h_jj, the mean included
        errors = ((penalty * dual / np.maximum(leverage, 1e-12)[:, None]) ** 2).mean(0)
        better = errors < least
        best[:, better] = dual[:, better]
        least[better] = errors[better]
    return x.T @ best


def lasso(members: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """As ``ridge`` with an L1 penalty chosen by 5-fold cross-validation: few samples per query, as in the source."""
    from sklearn.linear_model import LassoCV

    x = np.asarray(members, dtype=np.float64)
    fits = [LassoCV(cv=5, alphas=30, max_iter=5000, random_state=0).fit(x, column) for column in losses.T]
    return np.stack([fit.coef_ for fit in fits], axis=1)


@register("datamodels")
class Datamodels(Estimator):
    """influence(i, q) = -beta_i(q): by how much the query's loss is lower, on average, when sample i was among those
    trained on.

    beta is the regression of the query's loss under models retrained on random subsets on who was in the subset, with a
    ridge penalty (``penalty = "lasso"``: L1, as the authors have it). The models are those of the store that the linear
    datamodeling score uses: judged by the score on the same models it is judged on what it was fitted to, which
    flatters it. Penalties shrink: with few models the order is worth more than the size. A sample dropped before the
    models were trained has influence 0.
    """

    title = "From retrained subsets (datamodels)"
    family = "retrained"
    by_weights = False
    summary = (
        "By how much the query's loss fell, in real retrainings on random halves of the data, when this sample was "
        "among them. The most direct evidence there is, and the noisiest until hundreds of models are trained."
    )
    formula = "−β_i,  β = argmin Σ_S (ℓ_q(θ_S) − b − Σ_{i∈S} β_i)² + λ‖β‖²"
    cost = "The retrained models (half a training each); then a linear fit per query."
    source = "Ilyas et al., Datamodels: Predicting Predictions from Training Data, arXiv 2202.00622."
    loss_only = True
    needs = "models retrained on random subsets (`datablame compare`)"
    unit = "nats"
    from_subsets: ClassVar[bool] = True
    penalty: str = "ridge"

    def options(self) -> dict[str, Any]:
        if self.penalty not in ("ridge", "lasso"):
            raise UserError(f"penalty is {self.penalty!r}.", "There is no such fit.", "Set it to 'ridge' or 'lasso'.")
        return {"penalty": self.penalty, "subsets": self._store.folder.name, "models": self._store.finished()}

    def notes(self) -> dict[str, Any]:
        return {"models": self._store.count, "share": self._store.about["share"]}

    def query_bytes(self) -> int:
        return 8 * len(self.trained.rows)

    @cached_property
    def _store(self) -> Subsets:
        return store_of(self.trained)

    def prepare(self, queries: Sequence[Query]) -> None:
        rows = [row for query in queries for row in query.rows]
        losses = self._store.losses(rows, self.trained.labels.values[rows])  # (m, v)
        parts = np.split(losses, np.cumsum([len(query.rows) for query in queries])[:-1], axis=1)
        means = np.stack([part.mean(1) for part in parts], axis=1)  # (m, q)
        fit = ridge if self.penalty == "ridge" else lasso
        self._found = np.zeros((len(self.trained.dataset), len(queries)))
        self._found[self.trained.rows] = -fit(self._store.members().astype(np.float64), means)

    def score(self, rows: np.ndarray) -> ScoreBlock:
        import torch

        return ScoreBlock(torch.from_numpy(self._found[rows]))
