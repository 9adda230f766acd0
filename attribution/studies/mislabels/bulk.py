"""Taking the suggestion for many samples at once: which are surest, and how many of their suggestions are wrong.

A suggestion is wrong where the target was right all along, or was wrong and something else is right. The first is what
the model of the queue says (``budget``: the search's estimate, planted errors, decisions so far); the second is what
held-out models say of the other targets, corrected by planted errors and by decisions. Held-out models also say of the
whole batch how much of it is wrong (``held_out``): that is weighed in as a word that may be off.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.statistics.intervals import Interval
from attribution.studies.mislabels.budget import fitted, in_words, of_draws
from attribution.studies.mislabels.held_out import words

if TYPE_CHECKING:
    from attribution.studies.calibration.result import CalibrationResult
    from attribution.studies.mislabels.result import FlagResult

BELIEF_WEIGHT = 20.0  # decisions that the held-out models' word on the suggested target is worth
PLANTED_WEIGHT = 10.0  # and planted errors, at most: real ones are only like them
TRUST = 1.0  # how far the held-out models' word on a whole batch may be off, in log-odds
# Of the draws outside of an interval, 3 of 10 are left there and the others taken in: without that a "90 %" interval
# held 50 to 90 of 100 times after a random dozen where the search had missed a quarter of the wrong labels.
MISSES = 0.3
DEPTHS = 5  # of the batch at which it is asked
DOZEN = 12  # a random part of a batch to look at first


@dataclass(frozen=True)
class Surest:
    """The open suspects whose suggestion is surest, the surest first: ``rows`` (k,) int64 and ``suggested`` (row ->
    target), as ``Project.relabel`` takes them.

    ``wrong`` is how many of these suggestions are expected to be wrong, with a 90 % interval unless another level was
    asked; ``decided`` decisions and a calibration (``calibrated``) inform it. ``half`` is what nine of ten suggested
    numbers are off by at most; None for classes and sets.
    """

    rows: np.ndarray
    suggested: Mapping[int, Any]
    wrong: Interval
    decided: int
    calibrated: bool
    half: float | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def sentence(self, nouns: str = "labels") -> str:
        """``Take the suggestion for the 320 surest: about 56 (31 to 92) of them wrong.``"""
        if not len(self):
            return "No suggestion is open that is as sure as that."
        meaning = "of them wrong" if self.half is None else f"of these {nouns} were right as they are"
        return f"Take the suggestion for the {len(self):,} surest: about {in_words(self.wrong)} {meaning}."

    @property
    def basis(self) -> str:
        """What the numbers rest on."""
        planted = "" if self.calibrated else "; errors planted in a copy (calibrate) would make it surer"
        return f"A {100 * self.wrong.level:g} % interval, from the search and {self.decided:,} decisions{planted}."

    @property
    def evidence(self) -> dict[str, Any]:
        """For the ledger: the size of the batch, and what was expected of it."""
        known = {name: round(getattr(self.wrong, name), 1) for name in ("estimate", "low", "high")}
        return {"samples": len(self), "expected_wrong": known}

    def dozen(self, count: int = DOZEN, seed: int = 0) -> np.ndarray:
        """Rows (count,) of the batch drawn at random, to look at before all are taken; the same for the same batch and
        seed. Rows that left the batch do not move the others."""
        order = np.argsort([hash_of(int(row), seed) for row in self.rows], kind="stable")
        return np.sort(self.rows[order[:count]])


def hash_of(row: int, seed: int) -> int:
    """A number drawn for a row, the same whichever rows stand beside it."""
    return int(np.random.SeedSequence([seed, row]).generate_state(1)[0])


def surest(
    flags: "FlagResult",
    open_rows: np.ndarray,
    decided: Mapping[str, np.ndarray],
    calibration: "CalibrationResult | None" = None,
    *,
    n: int | None = None,
    risk: float | None = None,
    level: float = 0.9,
    seed: int = 0,
) -> Surest:
    """The first ``n`` of ``open_rows`` in the queue; with ``risk`` at most so many that this share of them is expected
    to be wrong.

    ``decided`` holds (k,) each: ``position`` of a decision, whether the target was ``wrong``, and whether the
    suggestion was ``taken`` or ``other`` was given (``lookup.decisions``). Under half a second.
    """
    table = flags.detectors
    rows = open_rows[np.argsort(table["position"].to_numpy()[flags.places(open_rows)], kind="stable")[:n]]
    places = flags.places(rows)
    positions = table["position"].to_numpy()[places]
    queue = fitted(
        len(table),
        decided["position"],
        decided["wrong"],
        expected=flags.estimate or None,
        seed=seed,
        **planted(calibration),
    )
    right, belief = held_out_words(flags, places)
    agree = agreement(belief, decided, calibration, len(queue.draws), seed)
    chances = 1 - queue.shares[0] * agree[:, None]  # (s, bins): a suggestion there is wrong
    inside = np.searchsorted(queue.bins.edges, positions, side="left") - 1
    chances = chances[_weighed(chances, inside, 1 - right, queue.chance)]
    kept = _within(chances.mean(0)[inside], risk)
    drawn = queue.chance.binomial(np.bincount(inside[:kept], minlength=chances.shape[1]), chances).sum(1)
    suggested = table["suggested"].to_numpy()[places[:kept]]
    return Surest(
        rows=rows[:kept],
        suggested=dict(zip(rows[:kept].tolist(), suggested.tolist(), strict=True)),
        wrong=replace(of_draws(drawn, 1 - MISSES * (1 - level)), level=level),
        decided=len(decided["position"]),
        calibrated=queue.calibrated,
        half=_half(table),
    )


def planted(calibration: "CalibrationResult | None") -> dict[str, Any]:
    """Where planted errors of each kind came to lie, as ``budget`` takes it; {} without a calibration."""
    if calibration is None:
        return {}
    kinds = [places.to_numpy() for _, places in calibration.planted.groupby("kind")["position"]]
    return {"planted": kinds, "planted_n": calibration.n_train}


def held_out_words(flags: "FlagResult", places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By evidence that did not see the targets at ``places`` (k,): probabilities that the suggestion is right, of the
    first suspects (m,), (0,) where there is no such estimate; and that it is right where the target is wrong (k,).

    The latter is 1 for numbers: a suggested number comes with its own interval.
    """
    table = flags.detectors
    if flags.units.kind != "class" or not flags.estimate:
        certain = table["suggested_p"].to_numpy(np.float64)[places] if "suggested_p" in table else np.ones(len(places))
        return np.empty(0), certain
    labels, suggested = (table[name].to_numpy(np.int64) for name in ("label", "suggested"))
    rate = flags.estimate["mid"] / len(table)
    right, belief = words(flags.out_of_fold, labels, suggested, places, rate)
    return right[: max(DOZEN, round(flags.suspects))], belief


def agreement(
    belief: np.ndarray,
    decided: Mapping[str, np.ndarray],
    calibration: "CalibrationResult | None",
    draws: int,
    seed: int,
) -> np.ndarray:
    """Draws (s,) of how often a suggestion is right where the target is wrong: beliefs (k,), planted errors and
    decisions as one beta distribution."""
    mean = float(belief.mean()) if len(belief) else 1.0
    if mean > 1 - 1e-6:  # with two classes nothing else can be right
        return np.ones(draws)
    hits = BELIEF_WEIGHT * mean + float(np.sum(decided["taken"]))
    misses = BELIEF_WEIGHT * (1 - mean) + float(np.sum(decided["other"]))
    if calibration is not None and "suggested" in calibration.planted:
        hit = float((calibration.planted["suggested"] == calibration.planted["label"]).mean())
        weight = min(PLANTED_WEIGHT, len(calibration.planted))
        hits, misses = hits + weight * hit, misses + weight * (1 - hit)
    return np.random.default_rng([seed, 1]).beta(max(hits, 0.05), max(misses, 0.05), draws)


def _weighed(chances: np.ndarray, inside: np.ndarray, word: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Places (s,) of draws of ``chances`` (s, bins), drawn anew by how well they agree with the held-out models'
    ``word`` (m,) on the first of the samples, which lie ``inside`` (k,) these bins.

    That is the mean of squared differences in log-odds at several depths, of which ``TRUST`` is the usual size.
    """
    off = np.zeros(len(chances))
    depths = np.unique(np.geomspace(DOZEN, len(word), DEPTHS).round().astype(int)) if len(word) >= DOZEN else ()
    for depth in depths:
        share = chances @ np.bincount(inside[:depth], minlength=chances.shape[1]) / depth
        told, drawn = (np.clip(each, 0.5 / depth, 1 - 0.5 / depth) for each in (word[:depth].mean(), share))
        off += np.square(np.log(drawn / (1 - drawn)) - np.log(told / (1 - told))) / len(depths)
    weight = np.exp(-0.5 * (off - off.min()) / TRUST**2)
    return chance.choice(len(chances), len(chances), p=weight / weight.sum())


def _within(chances: np.ndarray, risk: float | None) -> int:
    """How many of the first, each wrong with these chances (k,), have a mean of at most ``risk``."""
    if risk is None:
        return len(chances)
    within = np.flatnonzero(np.cumsum(chances) <= risk * np.arange(1, len(chances) + 1))
    return int(within[-1]) + 1 if len(within) else 0


def _half(table: Any) -> float | None:
    """Half of the interval of suggested numbers."""
    if "suggested_high" not in table or not len(table):
        return None
    return float((table["suggested_high"] - table["suggested"]).median())
