"""What every influence estimator offers: prepare the queries once, then score batches of training rows."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from attribution.errors import UserError
from attribution.settings import ranges
from attribution.settings.options import NoSettings
from attribution.tasks.serves import Serves

if TYPE_CHECKING:
    import torch

    from attribution.tasks.base import Task
    from attribution.training.trained import TrainedModel


@dataclass(frozen=True)
class Query:
    """One column of an influence matrix: what is asked is a measure of these rows, by default their mean loss."""

    name: str
    rows: tuple[int, ...]
    measure: str = "loss"


@dataclass(frozen=True)
class ScoreBlock:
    """Scores of b training rows for q queries.

    ``influence`` (b, q): positive = training on the row lowers the query's loss. ``cosine`` (b, q) in -1..1 is the
    cosine between the two loss gradients at the last checkpoint, or None when the estimator does not come by it on the
    way. Both on the CPU.
    """

    influence: "torch.Tensor"
    cosine: "torch.Tensor | None" = None


ORDER_ONLY = "order only"
# What an estimator goes by, in the order in which people are offered it: a title, and what such numbers are.
FAMILIES = {
    "gradient": ("First order", "Compares how a sample and the question pull on the weights of the trained model."),
    "curvature": ("With curvature", "Also counts how far training gives way: influence functions and what is near."),
    "training": ("Through training", "Adds up the pulls at several points of the training."),
    "retrained": (
        "Retrained",
        "Asks models that were trained without some samples: slow, and the nearest to the truth.",
    ),
    "forward": ("Forward only", "Moves the model a little towards the question and looks how each sample fares."),
    "similarity": ("Similarity", "Goes by how alike the samples look to the model, not by what training on them did."),
    "other": ("Others", "Said in its own words."),
    "control": ("Controls", "Knows nothing by design; what does no better is worth nothing here."),
}


def unit_of(unit: str, by_rate: bool, weight_unit: str) -> str:
    """The unit of an influence asked of a run whose checkpoints count by ``weight_unit``: nats, a rate (given by the
    user), or order.

    What weighs checkpoints by learning rates has no unit where none is known (loaded weights) or steps have their own
    size (AdamW).
    """
    if not by_rate or weight_unit == "nats":
        return unit
    return f"{unit} for one step on the sample alone at every checkpoint" if weight_unit == "rate" else ORDER_ONLY


class Estimator(Serves, ABC):
    """Pairwise influence of training rows on queries.

    A subclass is one file: the words below, ``prepare`` and ``score``. It asks the model only through ``trained``
    (which keeps the model in eval mode and counts passes), so it needs no I/O. Scores must not depend on how rows are
    grouped into batches or queries into calls, beyond rounding.
    """

    name: ClassVar[str]
    title: ClassVar[str]  # plain words for the user
    summary: ClassVar[str]  # one or two sentences: what a high score means and when to trust it
    family: ClassVar[str] = "other"  # a key of ``FAMILIES``: what it goes by
    formula: ClassVar[str]
    cost: ClassVar[str]
    source: ClassVar[str]
    needs: ClassVar[str] = ""  # what a run must have, in words; empty: any run will do
    unit: ClassVar[str] = ""  # unit of the influence; empty: none
    by_rate: ClassVar[bool] = (
        False  # weighs checkpoints by their learning rates, so its unit is known only where those are
    )
    Settings: ClassVar[type[ranges.Settings]] = (
        NoSettings  # a frozen dataclass with what can be set; enters ``options``
    )
    by_weights: ClassVar[bool] = True  # compares gradients, so it can be asked of a part of the weights
    known_only: ClassVar[bool] = False  # knows layers by closed forms; weights without are left out, and that is said
    loss_only: ClassVar[bool] = False  # cannot be asked of another measure than the loss
    asks_model: ClassVar[bool] = True  # for gradients or answers; False: what a run recorded is enough
    from_subsets: ClassVar[bool] = (
        False  # needs models retrained on random subsets (``attribution.training.subsets``) beside the run
    )
    rounds: ClassVar[str] = (
        ""  # of an iterative one: the attribute that bounds its iterations, and the note that says how many it took
    )
    cheaper: ClassVar[str] = (
        ""  # the estimator that asks about the same at a lower price; offered when a run would be long
    )
    # The same input under another label comes out as harmful; a subclass that cannot promise it says why.
    contrary: ClassVar[bool] = True
    # Absolute difference that the order of rows may make in a score, by rounding alone.
    rounding: ClassVar[float] = 2e-5
    # Places among those that the page offers at hand, and that a comparison takes unasked; 0: on request alone.
    offered: ClassVar[int] = 0
    for_texts: ClassVar[int] = 0  # place among those that texts and behaviours are asked of before all others
    compared: ClassVar[int] = 0
    control: ClassVar[bool] = False  # knows nothing by design: there to be beaten

    def __init__(self, trained: "TrainedModel", seed: int = 0, settings: ranges.Settings | None = None) -> None:
        self.check(trained.task)
        self.trained, self.seed = trained.known() if self.known_only else trained, seed
        self.settings: Any = self.Settings() if settings is None else settings

    def adjusted(self, **values: Any) -> Self:
        """This estimator with other settings, and, for studies of a method, other constants of its class (a tolerance,
        a rank)."""
        known = {item.name for item in dataclasses.fields(self.settings)}
        own = {name: value for name, value in values.items() if name in known}
        self.settings = dataclasses.replace(self.settings, **own)
        for name in values.keys() - known:
            getattr(self, name)  # a constant that is not there would be ignored
            setattr(self, name, values[name])
        return self

    def options(self) -> dict[str, Any]:
        """The settings that change a score: they enter the fingerprint of a score run."""
        return {}

    def covered(self) -> list[str]:
        """Names of the parameters that the scores are of, for one that goes ``by_weights``."""
        return self.trained.engine().covered

    def notes(self) -> dict[str, Any]:
        """What is worth keeping of how the last ``prepare`` went (damping, residuals); goes into the run's
        ``config.json``."""
        return {}

    def measured_in(self, measure: str = "") -> str:
        """Unit of the influence with these settings, for a measure in this unit (the loss's)."""
        unit = self.unit_for(self.trained.task, measure)
        return unit_of(unit, self.by_rate, self.trained.run.config.get("weight_unit", "nats"))

    @classmethod
    def unit_for(cls, task: "Task", measure: str = "") -> str:
        """The same with the usual settings, of a run whose learning rates are known."""
        return cls.unit.replace("nats", measure or task.unit).replace("logits", task.margin_unit)

    def query_bytes(self) -> int:
        """Memory that one prepared query occupies; decides how many are prepared at once."""
        return self.trained.parameter_bytes()

    @abstractmethod
    def prepare(self, queries: Sequence[Query]) -> None:
        """Compute everything that depends on the queries alone. Replaces what an earlier call prepared."""

    @abstractmethod
    def score(self, rows: np.ndarray) -> ScoreBlock:
        """Scores of one batch of rows (b,) int64 for the prepared queries."""

    def by_token(self, row: int) -> "torch.Tensor":
        """The scores of one row for the prepared queries before its tokens are added up, ``(T, q)`` on the CPU: they
        add up to ``score``. ``UserError`` for an estimator that is not linear in the row's gradient."""
        raise UserError(
            f"{self.name} cannot say which tokens of a row count.",
            "It does not compare the gradients of the row themselves.",
            "Use ip, cosine, tracin or ekfac.",
        )
