"""How many edits a proof needs, said before anything is trained; no torch.

It takes two things that only a proof measures. Until this project has one, they are what proofs on the bundled samples
had: setting one percent of the training targets right took away about 1.5 percent of the test error (1.7 on pictures,
0.9 on sentences, 1.5 on cells), and the change spreads over seeds and test samples as ``USUAL`` says.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attribution.statistics.power import CHANCE, needed, power

if TYPE_CHECKING:
    from attribution.studies.retrain.result import RetrainResult
    from attribution.tasks.figure import Reading

REMOVED = 1.5  # percent of the test error that one percent of targets set right takes away
# Variance of the change, times test samples, over the error (of shares) or its square (of amounts): from seed to seed,
# and from test sample to test sample.
USUAL = {"share": (0.15, 0.20), "amount": (0.04, 0.25)}


@dataclass(frozen=True)
class Beforehand:
    """``edits`` targets that were changed in training, ``wanted`` so many as a change is told from chance with
    ``CHANCE``, ``chance`` of these edits, ``wrong`` targets expected in all (None: not estimated), and whether this
    project's own proof ``measured`` it."""

    edits: int
    wanted: int
    chance: float
    wrong: int | None
    seeds: int
    measured: bool

    def sentence(self) -> str:
        """``14 edits of about 498: a change this small is seldom told from chance; about 390 would be.``"""
        of = f" of about {self.wrong:,}" if self.wrong else ""
        start = f"{self.edits:,} edit{'' if self.edits == 1 else 's'}{of}"
        if self.chance >= CHANCE:
            return f"{start}: enough to be told from chance, about {round(10 * self.chance):d} times in 10."
        how = "seldom" if self.chance < 0.25 else "often not"
        least = f"a change this small is {how} told from chance"
        if self.wrong and self.wanted > self.wrong:
            return (
                f"{start}: {least}, and hardly would be if all were set right; more seeds or test samples would help."
            )
        return f"{start}: {least}; about {self.wanted:,} would be."

    @property
    def basis(self) -> str:
        """What the number assumes."""
        source = "as in this project's last proof" if self.measured else "as in proofs on the ready-made samples"
        return f"With {self.seeds} seeds, four times in five; assumes gain per edit and spread {source}."


def beforehand(
    edits: int,
    n_train: int,
    n_test: int,
    error: float,
    reading: "Reading",
    *,
    seeds: int = 3,
    wrong: float | None = None,
    proofs: "Sequence[RetrainResult]" = (),
) -> Beforehand | None:
    """From what is known before a proof: ``error`` is the test error now (1 - accuracy, or the RMSE); ``proofs`` are
    this project's finished ones, newest first. None without test samples or without an error."""
    if not (n_test and n_train and error > 0):
        return None
    per_edit = REMOVED * error / n_train
    seeds_sd, samples_se = _usual(error, n_test, reading)
    known = next((each for each in proofs if each.main.reading.name == reading.name and _counted(each) > 0), None)
    if known is not None:
        found = _spread(known)
        seeds_sd, samples_se = (max(mine, usual / 3) for mine, usual in zip(found, (seeds_sd, samples_se), strict=True))
        gain = known.main.difference.estimate * reading.sign / _counted(known)
        per_edit = gain if known.main.difference.excludes_zero and gain > 0 else per_edit
    return Beforehand(
        edits=edits,
        wanted=_round(needed(seeds_sd, samples_se, seeds) / per_edit),
        chance=power(edits * per_edit, seeds_sd, samples_se, seeds),
        wrong=None if wrong is None else round(wrong),
        seeds=seeds,
        measured=known is not None,
    )


def _counted(proof: "RetrainResult") -> int:
    return proof.n_dropped + proof.n_relabelled + proof.n_restored


def _usual(error: float, n_test: int, reading: "Reading") -> tuple[float, float]:
    kind, scale = ("share", error) if reading.unit == "%" else ("amount", error**2)
    seeds, samples = (math.sqrt(part * scale / n_test) for part in USUAL[kind])
    return seeds, samples


def _spread(proof: "RetrainResult") -> tuple[float, float]:
    """Of a finished proof: the change's standard deviation over seeds, and its standard error over test samples."""
    change = proof.main
    differences = [after - before for before, after in zip(change.before, change.after, strict=True)]
    mean = sum(differences) / len(differences)
    sd = math.sqrt(sum((each - mean) ** 2 for each in differences) / (len(differences) - 1))
    return sd, (change.test_only.high - change.test_only.low) / (2 * 1.96)


def _round(count: float) -> int:
    """Upward, to two digits: it is no more exact."""
    step = 10 ** max(0, math.floor(math.log10(max(count, 1))) - 1)
    return math.ceil(count / step) * step
