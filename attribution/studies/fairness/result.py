"""A finished remedy as a folder: which training samples harm a measure, and what removing them did. Reading it needs no
torch."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from attribution.statistics.intervals import Interval
from attribution.storage.artefact import Artefact
from attribution.storage.tables import read_table
from attribution.studies.fairness.judged import FIGURES, GAPS, TARGETS, is_better

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


class FairnessResult(Artefact):
    """Training samples ranked by how much they harm a measure, and a sweep: remove the worst b percent, train anew,
    measure.

    ``suggested`` is chosen on the validation split (``findings.judged.suggested``); the figures with intervals that
    ``sweep`` gives for ``split='test'`` had no part in the choice.
    """

    what = "remedy"
    drawn_by = "fairness"

    @property
    def measure(self) -> str:
        """What the samples harm."""
        return str(self.config["measure"]["name"])

    @property
    def target(self) -> str:
        """The figure of decisions that stands for the measure: eop, dp, attacked or accuracy."""
        return TARGETS[self.measure]

    @property
    def suggested(self) -> float:
        """Percent of the training set to remove; 0 when no budget helped on the validation split."""
        return float(self.config["suggested"])

    @property
    def seeds(self) -> tuple[int, ...]:
        """Every budget was trained once with each."""
        return tuple(self.config["seeds"])

    def count(self, budget: float) -> int:
        """Samples in a budget."""
        return round(int(self.config["n_train"]) * budget / 100)

    @cached_property
    def ranking(self) -> "pd.DataFrame":
        """Training rows, the most harmful first: row, id, influence (negative = training on it worsens the measure),
        rank, group."""
        return self._table("ranking")

    @cached_property
    def sweep(self) -> "pd.DataFrame":
        """budget, removed ('harmful' or 'random'), split, figure, estimate, low, high, change, change_low, change_high,
        signed, signed_low, signed_high.

        Means over the seeds with intervals over seeds and samples; ``change`` is against budget 0. ``signed`` keeps the
        sign of a gap between the two groups that were furthest apart, so that overshoot shows as a number below zero;
        NaN for other figures.
        """
        return self._table("sweep")

    def rows(self, budget: float) -> "np.ndarray":
        """The training rows that a budget removes."""
        import numpy as np

        return np.asarray(self.ranking["row"].head(self.count(budget)), dtype=np.int64)

    def at(self, budget: float, figure: str, split: str = "test", removed: str = "harmful") -> dict[str, Any] | None:
        """One line of ``sweep``, None when it was not measured."""
        table = self.sweep
        found = table[
            ((table["budget"] - budget).abs() < 1e-9)
            & (table["figure"] == figure)
            & (table["split"] == split)
            & (table["removed"] == removed)
        ]
        return found.iloc[0].to_dict() if len(found) else None

    def change(self, budget: float, figure: str, removed: str = "harmful") -> Interval:
        """Change of a figure on the test split, against removing nothing."""
        line = self.at(budget, figure, removed=removed)
        assert line is not None
        return Interval(line["change"], line["change_low"], line["change_high"])

    @property
    def sure(self) -> bool:
        """Whether the suggested budget improves the target on the test split beyond chance."""
        if not self.suggested:
            return False
        target = self.change(self.suggested, self.target)
        return min(target.low * is_better(self.target), target.high * is_better(self.target)) > 0

    @property
    def verdict(self) -> str:
        """What the suggested budget does on the test split, in a sentence with intervals."""
        words = FIGURES[self.target]
        if not self.suggested:
            return (
                f"No budget improved the {words} on the validation samples without costing more than 1 point of "
                "accuracy."
            )
        n = self.count(self.suggested)
        target = self.change(self.suggested, self.target)
        accuracy = self.change(self.suggested, "accuracy")
        line = self.at(self.suggested, self.target)
        before = self.at(0, self.target)
        assert line is not None
        assert before is not None
        unit = "points" if self.target in GAPS else "%"
        return (
            f"Without the {n:,} most harmful samples the {words} goes from {_points(before['estimate'])} to "
            f"{_points(line['estimate'])} {unit} on the test samples (change {_change(target)} points); accuracy "
            f"changes by {_change(accuracy)} points."
            + ("" if self.sure else " The change of the target cannot be told from chance.")
        )

    def _table(self, name: str) -> "pd.DataFrame":

        return read_table(self.folder / f"{name}.parquet")


def _points(value: float) -> str:
    return f"{100 * value:.1f}"


def _change(interval: Interval) -> str:
    text = f"{100 * interval.estimate:+.1f}, 95 % interval {100 * interval.low:+.1f} to {100 * interval.high:+.1f}"
    return text.replace("-", "\N{MINUS SIGN}")
