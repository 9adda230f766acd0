"""How often a behaviour was shown before and after the edits, and whether what must stay stayed; read without torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from attribution.statistics.intervals import Interval
from attribution.studies.retrain.result import Change


@dataclass(frozen=True)
class BehaviourChange:
    """The share of ``n`` unseen prompts on which a behaviour is shown, per seed, before and after the edits.

    ``difference`` (after minus before) has the 95 % interval over seeds and prompts, the same prompts on both sides.
    ``must_stay``: it is a wanted one, and may fall by no more than ``margin``.
    """

    name: str
    n: int
    before: tuple[float, ...]
    after: tuple[float, ...]
    difference: Interval
    must_stay: bool = False
    margin: float = 0.1

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
        """``refuses fell from 88 % to 4 % of 25 unseen prompts (by 84 points, 95 % interval 66 to 93).``"""
        was, now = (100 * sum(part) / len(part) for part in (self.before, self.after))
        found = self.difference
        of = f"from {was:.0f} % to {now:.0f} % of {self.n} unseen prompts"
        low, high = (100 * end for end in (found.low, found.high))
        points = f"{100 * found.estimate:+.0f} points, {_level(found)} {low:+.0f} to {high:+.0f}"
        if self.must_stay:
            said = {"kept": "stayed", "worse": "fell", "unclear": "may have fallen"}[self.outcome]
            points = (
                f"{100 * found.estimate:+.0f} points, {_level(found)} {100 * found.low:+.0f} to {100 * found.high:+.0f}"
            )
            return f"{self.name} {said}: {of} ({points}; margin {100 * self.margin:.0f})."
        if self.outcome == "unclear":
            points = (
                f"{100 * found.estimate:+.0f} points, {_level(found)} {100 * found.low:+.0f} to {100 * found.high:+.0f}"
            )
            return f"No change of {self.name} that can be told from chance: {of} ({points})."
        low, high = sorted((abs(low), abs(high)))
        by = f"by {abs(100 * found.estimate):.0f} points, {_level(found)} {low:.0f} to {high:.0f}"
        return f"{self.name} {'fell' if found.estimate < 0 else 'rose'} {of} ({by})."

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        about = {"name": self.name, "n": self.n, "must_stay": self.must_stay, "margin": self.margin}
        return {**about, "before": self.before, "after": self.after, "difference": self.difference.to_json()}

    @staticmethod
    def from_json(values: dict[str, Any]) -> "BehaviourChange":
        """The inverse of ``to_json``."""
        sides = {name: tuple(values[name]) for name in ("before", "after")}
        return BehaviourChange(**{**values, **sides, "difference": Interval.from_json(values["difference"])})


def _level(found: Interval) -> str:
    return f"{100 * found.level:g} % interval"


def kept(loss: Change, margin: float) -> bool:
    """Whether the loss on the held-out samples is shown to have risen by no more than this share of it."""
    return loss.difference.high < margin * sum(loss.before) / len(loss.before)


def kept_words(loss: Change, margin: float) -> str:
    """``Held-out loss rose by no more than 10 %: +0.004 nats (−0.01 to 0.02).``"""
    found = loss.difference
    size = f"{found.estimate:+.3f} {loss.reading.unit}, {_level(found)} {found.low:+.3f} to {found.high:+.3f}"
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
    """What became of the behaviours and of the regression set, in a sentence each."""
    said = " ".join(each.sentence[0].upper() + each.sentence[1:] for each in changes)
    return f"{said} {kept_words(loss, margin)} Trained with {seeds} seeds."
