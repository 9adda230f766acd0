"""What several trained models decide on the same rows, and the figures of it: accuracy, gaps between groups, accuracy
under attack."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from attribution.statistics.intervals import Interval, crossed

GAPS = ("eop", "dp")
FIGURES = {
    "accuracy": "accuracy",
    "eop": "equal opportunity gap",
    "dp": "demographic parity gap",
    "attacked": "accuracy under attack",
}
TARGETS = {
    "eop-gap": "eop",
    "dp-gap": "dp",
    "fgsm": "attacked",
    "pgd": "attacked",
    "loss": "accuracy",
    "margin": "accuracy",
    "contrast": "accuracy",
}


def is_better(figure: str) -> int:
    """1 where more is better, -1 where less is (gaps)."""
    return -1 if figure in GAPS else 1


@dataclass(frozen=True)
class Judged:
    """Decisions of s models on n rows.

    ``labels`` (n,), ``groups`` (n,) text or None, ``decisions`` (s, n) predicted classes, ``attacked`` (s, n) bool:
    still right under attack, or None where inputs cannot be attacked. ``positive`` is the class that gaps are about.
    """

    labels: np.ndarray
    decisions: np.ndarray
    positive: int
    groups: np.ndarray | None = None
    attacked: np.ndarray | None = None

    @property
    def names(self) -> list[str]:
        """The figures that exist here."""
        gaps = GAPS if self.groups is not None else ()
        return ["accuracy", *gaps, *(("attacked",) if self.attacked is not None else ())]

    def members(self, figure: str) -> dict[str, np.ndarray]:
        """The rows that a gap's rates are taken over (n,) bool, by group; groups without such a row are left out."""
        assert self.groups is not None
        counted = (self.labels == self.positive) if figure == "eop" else np.ones(len(self.labels), dtype=bool)
        return {name: counted & (self.groups == name) for name in sorted(set(self.groups[counted]) - {""})}

    def rates(self, figure: str, counts: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Share of a group's counted rows that each model gives the positive class, (b, s) by group; ``counts`` (b, n)
        weighs the rows."""
        weights = np.ones((1, len(self.labels))) if counts is None else counts
        chosen = (self.decisions == self.positive).astype(np.float64)  # (s, n)
        found = {}
        for name, inside in self.members(figure).items():
            total = weights[:, inside].sum(1, keepdims=True)
            found[name] = weights[:, inside] @ chosen[:, inside].T / np.where(total > 0, total, np.nan)  # (b, s)
        return found

    def figure(self, name: str, counts: np.ndarray | None = None) -> np.ndarray:
        """One figure of every model, (b, s). A gap is the largest group rate minus the smallest, never negative; NaN
        for one group."""
        if name in GAPS:
            rates = np.stack(
                list(self.rates(name, counts).values()) or [np.full((1, len(self.decisions)), np.nan)]
            )  # (g, b, s)
            return rates.max(0) - rates.min(0) if len(rates) > 1 else np.full_like(rates[0], np.nan)
        weights = np.ones((1, len(self.labels))) if counts is None else counts
        right = self.decisions == self.labels if name == "accuracy" else self.attacked
        assert right is not None
        return weights @ right.T.astype(np.float64) / weights.sum(1, keepdims=True)

    def signed_gap(self, name: str, pair: tuple[str, str], counts: np.ndarray | None = None) -> np.ndarray:
        """Rate of the first group of ``pair`` minus that of the second (b, s): below zero once a gap between them is
        overshot. NaN where one of them has no counted row here."""
        rates = self.rates(name, counts)
        none = np.full((1, len(self.decisions)), np.nan)
        return rates.get(pair[0], none) - rates.get(pair[1], none) + np.zeros((1 if counts is None else len(counts), 1))

    def pair(self, name: str) -> tuple[str, str]:
        """The groups with the highest and the lowest mean rate; two empty names where no group has a counted row."""
        means = {group: float(np.nanmean(rate)) for group, rate in self.rates(name).items()} or {"": 0.0}
        return max(means, key=lambda group: (means[group], group)), min(means, key=lambda group: (means[group], group))

    def interval(
        self,
        name: str,
        resamples: int = 1000,
        level: float = 0.95,
        *,
        before: "Judged | None" = None,
        pair: tuple[str, str] | None = None,
    ) -> Interval:
        """A figure, mean over the models, with its interval over models and rows (``statistics.crossed``).

        With ``before`` (the same rows judged by as many other models): the change from it, on the same draws. With
        ``pair``: the gap between these two groups with its sign. A gap is never negative, so the interval of a small
        one leans upwards; that of the signed one does not.
        """

        def value(judged: "Judged", counts: np.ndarray | None = None) -> np.ndarray:
            return judged.signed_gap(name, pair, counts) if pair else judged.figure(name, counts)

        counts = _draws(len(self.labels), resamples)  # (b, n)
        drawn = value(self, counts)  # (b, s)
        exact = value(self)[0]  # (s,)
        if before is not None:
            drawn = drawn - value(before, counts)
            exact = exact - value(before)[0]
        return crossed(exact, drawn, level)


@lru_cache(maxsize=2)
def _draws(n: int, resamples: int) -> np.ndarray:
    """How often each of n rows is drawn (b, n): the same draws for every figure, so that their changes are paired."""
    counts = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float32)
    counts.flags.writeable = False
    return counts


def suggested(
    budgets: Sequence[float], target: Sequence[float], accuracy: Sequence[float], better: int, allowed: float = 0.01
) -> int:
    """Place of the suggested budget in ``budgets`` (ascending, the first is 0: nothing removed).

    Among the budgets that cost at most ``allowed`` of accuracy, the one with the best target figure; the smallest of
    equals. Both figures are means over the seeds, on validation samples.
    """
    fair = [place for place in range(len(budgets)) if accuracy[place] >= accuracy[0] - allowed - 1e-12]
    return max(fair, key=lambda place: (better * target[place], -place))
