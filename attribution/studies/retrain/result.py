"""A finished before/after proof as a folder: what changed on the test set, and how sure that is. Reading it needs no
torch."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from attribution.errors import UserError
from attribution.statistics.intervals import Interval
from attribution.statistics.track_record import TrackRecord, track_record
from attribution.storage.drawn import Drawn
from attribution.storage.files import read_json
from attribution.storage.tables import read_table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Change:
    """One figure (accuracy 0 to 1, or mean loss in nats) before and after the edits.

    ``before`` and ``after`` hold one value per seed. ``difference`` (after minus before) has the interval over seeds
    and test samples, which decides the verdict; ``test_only`` resamples test samples alone; ``spread`` is the t
    interval over seeds alone.
    """

    before: tuple[float, ...]
    after: tuple[float, ...]
    difference: Interval
    test_only: Interval
    spread: Interval

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        intervals = {name: getattr(self, name).to_json() for name in ("difference", "test_only", "spread")}
        return {"before": list(self.before), "after": list(self.after), **intervals}

    @staticmethod
    def from_json(values: dict[str, Any]) -> "Change":
        """The inverse of ``to_json``."""
        intervals = {name: Interval.from_json(values[name]) for name in ("difference", "test_only", "spread")}
        return Change(tuple(values["before"]), tuple(values["after"]), **intervals)


@dataclass(frozen=True)
class RetrainResult(Drawn):
    """The same recipe trained before and after the edits, over several seeds, judged on the same test samples and
    labels.

    ``outcome`` is better, worse or unclear; ``verdict`` says it in a sentence. ``forecast`` compares predicted with
    real loss changes: ``spearman`` over test samples, ``predicted`` and ``actual`` change of the mean test loss, and
    their ``unit``.
    """

    drawn_by: ClassVar[str] = "retrain"

    folder: Path
    config: dict[str, Any] = field(repr=False, compare=False)
    verdict: str
    outcome: str
    seeds: tuple[int, ...]
    n_test: int
    n_dropped: int
    n_relabelled: int
    n_restored: int
    n_test_edited: int
    accuracy: Change
    loss: Change
    n_fixed: int
    n_broken: int
    forecast: dict[str, Any]

    @staticmethod
    def open(folder: Path) -> "RetrainResult":
        """The comparison in ``folder``; ``UserError`` when it is not finished."""
        folder = Path(folder)
        if not (folder / "config.json").is_file():
            raise UserError(
                f"There is no finished comparison in {folder}.",
                "Its config.json is missing.",
                "Retrain again; it resumes.",
            )
        values = read_json(folder / "comparison.json")
        values |= {name: Change.from_json(values[name]) for name in ("accuracy", "loss")}
        values["forecast"] = {**values["forecast"], "spearman": Interval.from_json(values["forecast"]["spearman"])}
        values["seeds"] = tuple(values["seeds"])
        return RetrainResult(folder=folder, config=read_json(folder / "config.json"), **values)

    @property
    def id(self) -> str:
        """Name of the folder: the fingerprint of data versions, network, recipe and seeds."""
        return self.folder.name

    @property
    def before_runs(self) -> tuple[str, ...]:
        """Ids of the trainings before the edits, one per seed."""
        return tuple(self.config["before_runs"])

    @property
    def after_runs(self) -> tuple[str, ...]:
        """Ids of the trainings after the edits, one per seed."""
        return tuple(self.config["after_runs"])

    @property
    def forecast_note(self) -> str:
        """Why the size of the forecast is not the size of the effect, in plain words."""
        return (
            "Each edit is predicted as if it were made alone and the training did not react to it; for many edits "
            "together the sum is far "
            "larger than what happens. Compare the order of test samples, not the size."
        )

    def classes(self) -> "pd.DataFrame":
        """Accuracy per class: class, n (test samples), before, after, difference, low, high (over seeds and test
        samples)."""
        return self._table("classes")

    def flips(self) -> "pd.DataFrame":
        """Test samples whose majority prediction over the seeds became right or wrong, the surest first.

        Columns: row, id, label, before, after (class indices), kind ('fixed' or 'broken'), seeds (share of the seeds in
        which that same flip happened), p_before and p_after (mean probability of the label).
        """
        return self._table("flips")

    def predicted(self) -> "pd.DataFrame":
        """Per test sample: row, predicted and actual change of its loss (negative = lower loss; nats when
        ``forecast['unit']`` says so)."""
        return self._table("predicted")

    def acted(self) -> "pd.DataFrame":
        """Per training sample acted on: row, id, action (dropped, relabelled, restored), before, after (class indices),
        predicted (its predicted share in the change of the mean test loss; negative = the edit helps)."""
        return self._table("acted")

    @cached_property
    def record(self) -> TrackRecord:
        """How the forecast by influence (``predicted``) did: whether order and size can be read off it."""
        return track_record(self.predicted())

    def _table(self, name: str) -> "pd.DataFrame":

        return read_table(self.folder / f"{name}.parquet")
