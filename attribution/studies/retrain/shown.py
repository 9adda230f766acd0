"""How often a behaviour was shown before and after the edits, and whether what must stay stayed; read without torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from attribution.statistics.intervals import Interval
from attribution.studies.retrain.result import Change

MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Finer:
    """The share of unseen prompts on which the unwanted answer is likelier than the wanted one, and the mean ``margin``
    between the two in nats per token: over seeds before and after, and the difference with its interval."""

    before: float
    after: float
    difference: Interval
    margin_before: float
    margin_after: float
    margin: Interval

    @property
    def sentence(self) -> str:
        """``By likelihood the unwanted answer is ahead on 29 % before and 4 % after (...); its mean margin ...``"""
        share, margin = self.difference, self.margin
        points = f"{_points(share.estimate)} points, {_points(share.low)} to {_points(share.high)}"
        nats = f"{_nats(margin.estimate)}, {_nats(margin.low)} to {_nats(margin.high)}"
        return (
            f"By likelihood the unwanted answer is ahead on {100 * self.before:.0f} % before and "
            f"{100 * self.after:.0f} % after ({points}); its mean margin went from {_nats(self.margin_before)} to "
            f"{_nats(self.margin_after)} nats per token ({nats})."
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**vars(self), "difference": self.difference.to_json(), "margin": self.margin.to_json()}

    @staticmethod
    def from_json(values: dict[str, Any]) -> "Finer":
        """The inverse of ``to_json``."""
        return Finer(**{**values, **{name: Interval.from_json(values[name]) for name in ("difference", "margin")}})


@dataclass(frozen=True)
class BehaviourChange:
    """The share of ``n`` unseen prompts on which a behaviour is shown, per seed, before and after the edits.

    ``difference`` (after minus before) has the 95 % interval over seeds and prompts, the same prompts on both sides.
    ``must_stay``: it is a wanted one, and may fall by no more than ``margin``. ``finer`` is what the likelihoods say
    where a pattern decides and there are wanted and unwanted answers, too.
    """

    name: str
    n: int
    before: tuple[float, ...]
    after: tuple[float, ...]
    difference: Interval
    must_stay: bool = False
    margin: float = 0.1
    finer: "Finer | None" = None

    @property
    def outcome(self) -> str:
        """better, worse or unclear; of one that must stay: kept, worse or unclear."""
        found = self.difference
        if self.must_stay:
            return "kept" if found.low > -self.margin else "worse" if found.high < 0 else "unclear"
        if not found.excludes_zero:
            return "unclear"
        return "better" if found.estimate < 0 else "worse"

    @property
    def sentence(self) -> str:
        """``refuses fell from 88 % to 4 % of 25 unseen prompts (−84 points, 95 % interval −93 to −66).``"""
        was, now = (100 * sum(part) / len(part) for part in (self.before, self.after))
        of = f"from {was:.0f} % to {now:.0f} % of {self.n} unseen prompts"
        found = self.difference
        size = f"{_points(found.estimate)} points, {_level(found)} {_points(found.low)} to {_points(found.high)}"
        if self.must_stay:
            said = {"kept": "stayed", "worse": "fell", "unclear": "may have fallen"}[self.outcome]
            return f"{self.name} {said}: {of} ({size}; margin {100 * self.margin:.0f})."
        if self.outcome == "unclear":
            return f"No change of {self.name} that can be told from chance: {of} ({size}). {self.what_now}"
        return f"{self.name} {'fell' if found.estimate < 0 else 'rose'} {of} ({size})."

    @property
    def what_now(self) -> str:
        """How large a change so many prompts and seeds can show, by half the interval's width."""
        half = 100 * (self.difference.high - self.difference.low) / 2
        seeds = len(self.before)
        return f"{self.n} prompts and {seeds} seeds can show a change of about {half:.0f} points; add prompts or seeds."

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        about = {"name": self.name, "n": self.n, "must_stay": self.must_stay, "margin": self.margin}
        finer = {"finer": self.finer.to_json()} if self.finer else {}
        return {**about, "before": self.before, "after": self.after, "difference": self.difference.to_json(), **finer}

    @staticmethod
    def from_json(values: dict[str, Any]) -> "BehaviourChange":
        """The inverse of ``to_json``."""
        sides = {name: tuple(values[name]) for name in ("before", "after")}
        finer = Finer.from_json(values["finer"]) if values.get("finer") else None
        difference = Interval.from_json(values["difference"])
        return BehaviourChange(**{**values, **sides, "difference": difference, "finer": finer})


def _points(share: float) -> str:
    """A signed share in whole points, with one kind of minus."""
    return f"{round(100 * share):+d}".replace("-", MINUS)


def _nats(value: float) -> str:
    return f"{value:+.2f}".replace("-", MINUS)


def _level(found: Interval) -> str:
    return f"{100 * found.level:g} % interval"


def kept(loss: Change, margin: float) -> bool:
    """Whether the loss on the held-out samples is shown to have risen by no more than this share of it."""
    return loss.difference.high < margin * sum(loss.before) / len(loss.before)


def kept_words(loss: Change, margin: float) -> str:
    """``Held-out loss rose by no more than 10 %: +0.004 nats (−0.01 to 0.02).``"""
    found = loss.difference
    unit = loss.reading.unit
    size = f"{found.estimate:+.3f} {unit}, {_level(found)} {found.low:+.3f} to {found.high:+.3f}".replace("-", MINUS)
    if kept(loss, margin):
        return f"The regression set holds: the held-out loss rose by no more than {100 * margin:g} % ({size})."
    if found.low > 0:
        return f"The regression set does not hold: the held-out loss rose ({size})."
    return (
        f"Not shown that the regression set holds: the held-out loss may have risen beyond {100 * margin:g} % ({size})."
    )


def outcome(changes: Sequence[BehaviourChange], loss: Change, margin: float) -> str:
    """better: an unwanted behaviour fell and nothing got worse; worse: one rose, or what must stay or the held-out loss
    got worse beyond the margin."""
    found = {each.outcome for each in changes}
    if "worse" in found or loss.difference.low > margin * sum(loss.before) / len(loss.before):
        return "worse"
    return "better" if "better" in found else "unclear"


def verdict(changes: Sequence[BehaviourChange], loss: Change, margin: float, seeds: int) -> str:
    """A line for each behaviour, for its finer measure, and for the regression set."""
    said = []
    for each in changes:
        said += [each.sentence[0].upper() + each.sentence[1:], *([each.finer.sentence] if each.finer else [])]
    return "\n".join([*said, kept_words(loss, margin), f"Trained with {seeds} seeds."])
