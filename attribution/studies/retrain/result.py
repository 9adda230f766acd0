"""A finished before/after proof as a folder: what changed on the test set, and how sure that is. Reading it needs no
torch."""

from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from attribution.errors import UserError
from attribution.statistics.intervals import Interval
from attribution.statistics.track_record import TrackRecord, track_record
from attribution.storage.drawn import Drawn
from attribution.storage.files import read_json
from attribution.storage.tables import read_table
from attribution.tasks.figure import Reading

if TYPE_CHECKING:
    import pandas as pd

    from attribution.studies.retrain.shown import BehaviourChange

READINGS = {  # of results that were written before other tasks existed
    "accuracy": Reading("accuracy", "accuracy", "%", "higher"),
    "loss": Reading("loss", "loss", "nats", "lower"),
}


@dataclass(frozen=True)
class Change:
    """One figure before and after the edits; ``reading`` says which, its unit and its direction.

    ``before`` and ``after`` hold one value per seed. ``difference`` (after minus before) has the interval over seeds
    and test samples, which decides the verdict; ``test_only`` resamples test samples alone; ``spread`` is the t
    interval over seeds alone.
    """

    before: tuple[float, ...]
    after: tuple[float, ...]
    difference: Interval
    test_only: Interval
    spread: Interval
    reading: Reading = READINGS["accuracy"]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        intervals = {name: getattr(self, name).to_json() for name in ("difference", "test_only", "spread")}
        return {"reading": asdict(self.reading), "before": list(self.before), "after": list(self.after), **intervals}

    @staticmethod
    def from_json(values: dict[str, Any], name: str = "") -> "Change":
        """The inverse of ``to_json``; ``name`` says which figure it is where an earlier version did not write it."""
        intervals = {each: Interval.from_json(values[each]) for each in ("difference", "test_only", "spread")}
        reading = Reading(**values["reading"]) if "reading" in values else READINGS[name]
        return Change(tuple(values["before"]), tuple(values["after"]), reading=reading, **intervals)


def read_changes(values: dict[str, Any]) -> dict[str, Change]:
    """The figures of a result's JSON by name, the deciding one first; results of earlier versions have accuracy and
    loss."""
    if "figures" in values:
        found = [Change.from_json(each) for each in values["figures"]]
        return {each.reading.name: each for each in found}
    return {name: Change.from_json(values[name], name) for name in READINGS}


@dataclass(frozen=True)
class RetrainResult(Drawn):
    """The same recipe trained before and after the edits, over several seeds, judged on the same test samples and
    labels.

    ``outcome`` is better, worse or unclear; ``verdict`` says it in a sentence. ``changes`` are the task's figures by
    name, the one that decides first. ``n_fixed`` and ``n_broken`` are None where a prediction is not right or wrong.
    ``prediction`` compares predicted with real loss changes: ``spearman`` over test samples, ``predicted`` and
    ``actual`` change of the mean test loss, and their ``unit``; {} where no model could be asked to predict it.
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
    changes: dict[str, Change]
    n_fixed: int | None
    n_broken: int | None
    prediction: dict[str, Any]

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
        counts = {each.name: values[each.name] for each in fields(RetrainResult) if each.name in values}
        predicted = values["forecast"]
        return RetrainResult(
            folder=folder,
            config=read_json(folder / "config.json"),
            changes=read_changes(values),
            prediction={**predicted, "spearman": Interval.from_json(predicted["spearman"])} if predicted else {},
            **{**counts, "seeds": tuple(values["seeds"])},
        )

    @cached_property
    def behaviours(self) -> "list[BehaviourChange]":
        """Behaviours of a language model before and after, on unseen prompts; [] where none was asked about."""
        from attribution.studies.retrain.shown import BehaviourChange

        said = read_json(self.folder / "comparison.json").get("behaviours", [])
        return [BehaviourChange.from_json(each) for each in said]

    def answers(self) -> "pd.DataFrame":
        """What the models answered to unseen prompts: behaviour, seed, prompt, before, after (texts), shown_before,
        shown_after (bool); only where ``behaviours`` were asked about."""
        return self._table("answers")

    @property
    def main(self) -> Change:
        """The figure that decides the verdict."""
        return next(iter(self.changes.values()))

    @property
    def loss(self) -> Change:
        """What training minimised, its mean over the test samples."""
        return self.changes["loss"]

    @property
    def id(self) -> str:
        """Name of the folder: the fingerprint of data versions, network, recipe and seeds."""
        return self.folder.name

    @property
    def own(self) -> bool:
        """Whether the models were trained by a script or a function of the user's."""
        return "script" in self.config

    @property
    def before_runs(self) -> tuple[str, ...]:
        """Ids of the trainings before the edits, one per seed; "" for one that left predictions alone."""
        return tuple(self.config["before_runs"])

    @property
    def after_runs(self) -> tuple[str, ...]:
        """Ids of the trainings after the edits, one per seed; "" for one that left predictions alone."""
        return tuple(self.config["after_runs"])

    @property
    def predicted_note(self) -> str:
        """Why the predicted size is not the size of the effect, in plain words."""
        return (
            "Each edit is predicted as if it were made alone and the training did not react to it; for many edits "
            "together the sum is far larger than what happens. Compare the order of test samples, not the size."
        )

    def by_target(self) -> "pd.DataFrame":
        """The deciding figure by class, or by band of a number: target, n (test samples), before, after, difference,
        low, high (over seeds and test samples)."""
        return read_by_target(self.folder)

    def flips(self) -> "pd.DataFrame":
        """Test samples whose majority prediction over the seeds became right or wrong, the surest first.

        Columns: row, id, label, before, after (targets), kind ('fixed' or 'broken'), seeds (share of the seeds in
        which that same flip happened), p_before and p_after (mean probability of the label). Empty where nothing is
        right or wrong.
        """
        return self._table("flips")

    def predicted(self) -> "pd.DataFrame":
        """Per test sample: row, predicted and actual change of its loss (negative = lower loss; nats when
        ``prediction['unit']`` says so)."""
        return self._table("predicted")

    def acted(self) -> "pd.DataFrame":
        """Per training sample acted on: row, id, action (dropped, relabelled, restored), before, after (targets),
        predicted (its predicted share in the change of the mean test loss; negative = the edit helps)."""
        return self._table("acted")

    @cached_property
    def record(self) -> TrackRecord:
        """How the prediction by influence (``predicted``) did: whether order and size can be read off it."""
        return track_record(self.predicted())

    def _table(self, name: str) -> "pd.DataFrame":
        return read_table(self.folder / f"{name}.parquet")


def read_by_target(folder: Path) -> "pd.DataFrame":
    """The table by class or band in a result's folder; results of earlier versions call it classes."""
    path = folder / "by_target.parquet"
    return (
        read_table(path)
        if path.is_file()
        else read_table(folder / "classes.parquet").rename({"class": "target"}, axis=1)
    )
