"""What happened to a sample, and where influence on it pulls, in words: a class per kind of target, part of its
face."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.views.numbers import count, percent, plural, three_digits

if TYPE_CHECKING:
    import pandas as pd

NAMED = 0.5  # of a pull away from the label; from here on the heading names where it goes
SURE = 0.9995  # prints as 100.0 %
AGREED = 0.6  # of the nearest samples: from here on they say that a label may be wrong


@dataclass(frozen=True)
class Pull:
    """Where the training samples of one side of an influence pull: a heading, and what that means."""

    title: str
    words: str


class Story:
    """For targets that are picked: a class, or a set of labels. ``seen`` is a line of ``Project.predictions``."""

    noun: str
    nouns: str
    none: Any
    verb = "is"  # of ``noun``

    if TYPE_CHECKING:  # what a face says of its targets

        def word(self, value: Any) -> str: ...
        def same(self, one: Any, other: Any) -> bool: ...
        def bare(self, values: Any) -> np.ndarray: ...

    def unknown(self, seen: Mapping[str, Any]) -> bool:
        """Whether nobody said what the sample is."""
        return bool(self.bare(np.asarray([seen["label"]]))[0])

    def right(self, seen: Mapping[str, Any]) -> bool:
        """Whether the model says what was given."""
        return self.same(seen["prediction"], seen["label"])

    def query_sentence(self, seen: Mapping[str, Any]) -> str:
        """What the model says of a sample, against what was given."""
        predicted = self.word(seen["prediction"])
        sure = float(seen["confidence"])
        how = f", {percent(sure)} sure" if sure == sure else ""
        if self.unknown(seen):
            return f"The model says {predicted}{how}; it has {self.none}, so nobody knows whether that is right."
        label = self.word(seen["label"])
        if self.right(seen):
            return f"The model is right: {label}{how}."
        gives = float(seen["p_label"])
        given = f", which it gives {percent(gives)}" if gives == gives else ""
        return f"The model says {predicted}{how}; the {self.noun} {self.verb} {label}{given}."

    def group_sentence(self, said: "pd.DataFrame") -> str:
        """What the model says of several samples: lines of ``Project.predictions``."""
        known = said[~self.bare(said["label"].to_numpy())]
        unknown = len(said) - len(known)
        rest = f" ({count(unknown)} more have {self.none})" if unknown else ""
        right = count(int(known["correct"].sum()))
        return f"Of these {plural(len(known), 'sample')}{rest} the model is right about {right}."

    def rival(self, seen: Mapping[str, Any], kept: np.ndarray) -> str:
        """What stands against the label in a contrast: the prediction, or what the model would say next where it is
        right. ``kept`` is the sample's line of ``Run.outputs``; "" where that says no more."""
        order = np.argsort(-np.asarray(kept).reshape(-1), kind="stable")
        others = [int(place) for place in order if place != seen["label"]]
        return self.word(others[0]) if others and len(order) > 1 else ""

    def pulls(self, seen: Mapping[str, Any], rival: str = "") -> tuple[Pull, Pull]:
        """Where positive and where negative influence on the sample pulls.

        Positive influence on the loss lowers it, so it pulls towards the label; negative pulls away from the label, and
        towards every other by the share that the model gives it. Of a contrast with ``rival`` the sides are the two.
        """
        label = self.word(seen["label"])
        right = self.right(seen)
        towards = f"Pull towards {label} (its {self.noun}{', and what the model says' if right else ''})"
        if rival:
            who = "what the model would say next" if right else "what the model says"
            sides = (towards, label), (f"Pull towards {rival} ({who})", rival)
            return _two([(title, f"tips the balance between the two towards {to}") for title, to in sides])
        away, less = f"Pull away from {label}", f"takes from {label}"
        if not right:
            predicted = self.word(seen["prediction"])
            share = self.share(seen)
            named = share >= NAMED
            away = f"Pull towards {predicted} (what the model says)" if named else f"{away} (its {self.noun})"
            part = "all of it" if share > SURE else f"{percent(share)} of it"
            less += f" and gives to {predicted}, {part}" if named else ""
        return _two([(towards, f"gives more to {label}"), (away, less)])

    def doubt(self, seen: Mapping[str, Any], near: Mapping[str, np.ndarray]) -> str:
        """Why what was given for a sample may be wrong: the model and its neighbours by every likeness agree on
        something else; "" where they do not. ``near`` holds the targets of the nearest training samples ``(k,)`` by the
        words of the likeness."""
        if self.unknown(seen) or self.right(seen):
            return ""
        predicted, label = self.word(seen["prediction"]), self.word(seen["label"])
        parts = []
        for by, values in near.items():
            agree, contradict = (sum(self.same(one, seen[key]) for one in values) for key in ("prediction", "label"))
            if not len(values) or agree < AGREED * len(values):
                return ""
            parts.append(
                f"of the {len(values)} training samples nearest by {by} {agree} {are(agree)} {predicted} "
                f"and {contradict or 'none'} {are(contradict)} {label}"
            )
        said = "; ".join(parts)
        return f"{said[:1].upper()}{said[1:]}." if said else ""

    def share(self, seen: Mapping[str, Any]) -> float:
        """How much of what the loss takes from the label goes to the prediction, 0 to 1: the probability of that among
        all that is not the label (the loss's gradient is the sum of the contrasts by their probabilities)."""
        rest = 1.0 - float(seen["p_label"])
        found = float(seen["confidence"]) / rest if rest > 0 else 0.0
        return min(found, 1.0) if found == found else 0.0

    def group_pulls(self) -> tuple[Pull, Pull]:
        """The same for several samples that are asked about as one."""
        return _two(
            [
                (f"Pull towards their {self.nouns}", f"gives more to their {self.nouns}, in the mean"),
                (f"Pull away from their {self.nouns}", f"takes from their {self.nouns}, in the mean"),
            ]
        )


class SetStory(Story):
    """For any number of labels."""

    verb = "are"

    def rival(self, seen: Mapping[str, Any], kept: np.ndarray) -> str:
        """The predicted set; where it is right, the one that differs in its least sure label."""
        if not self.right(seen):
            return self.word(seen["prediction"])
        least = np.argsort(np.abs(np.asarray(kept).reshape(-1)), kind="stable")[0]
        return self.word(int(seen["prediction"]) ^ (1 << int(least)))

    def share(self, seen: Mapping[str, Any]) -> float:
        """Not known: each label is pulled at by itself."""
        return 0.0


class NumberStory(Story):
    """For numbers, which are nearer or farther."""

    if TYPE_CHECKING:

        def amount(self, value: float, signed: bool = False) -> str: ...

    def query_sentence(self, seen: Mapping[str, Any]) -> str:
        """The prediction against the value."""
        predicted = self.amount(float(seen["prediction"]))
        error = float(seen["error"])
        if self.unknown(seen):
            return f"The model says {predicted}; it has {self.none}, so nobody knows how far off that is."
        far = f"{self.amount(abs(error))} too {'much' if error > 0 else 'little'}" if error else "exactly right"
        return f"The model says {predicted}; the value is {self.word(seen['label'])}. That is {far}."

    def group_sentence(self, said: "pd.DataFrame") -> str:
        """How far the model is off, in the mean."""
        errors = said["error"].dropna().abs()
        if not len(errors):
            return f"These {plural(len(said), 'sample')} have {self.none}."
        return f"On these {plural(len(errors), 'sample')} the model is off by {self.amount(errors.mean())} in the mean."

    def rival(self, seen: Mapping[str, Any], kept: np.ndarray) -> str:
        """A number has one output: nothing stands against it."""
        return ""

    def doubt(self, seen: Mapping[str, Any], near: Mapping[str, np.ndarray]) -> str:
        """The model's answer lies among the neighbours' values, and what was given does not."""
        if self.unknown(seen):
            return ""
        parts = []
        for by, values in near.items():
            known = np.asarray(values, dtype=np.float64)
            known = known[np.isfinite(known)]
            if not len(known):
                return ""
            low, high = float(known.min()), float(known.max())
            outside = not low <= float(seen["label"]) <= high
            if not (outside and low <= float(seen["prediction"]) <= high):
                return ""
            parts.append(
                f"the {len(known)} training samples nearest by {by} have values from {self.word(low)} to "
                f"{self.word(high)}"
            )
        said = "; ".join(parts)
        return f"{said[:1].upper()}{said[1:]}." if said else ""

    def pulls(self, seen: Mapping[str, Any], rival: str = "") -> tuple[Pull, Pull]:
        """Up or down: towards the value lies where the error says."""
        value = self.word(seen["label"])
        error = float(seen["error"])
        ways = ("", "") if not error else (" down,", " up,") if error > 0 else (" up,", " down,")
        return _two(
            [
                (f"Pull{ways[0]} towards {value} (its value)", "brings the prediction nearer to the value"),
                (f"Pull{ways[1]} away from {value}", "takes the prediction farther from the value"),
            ]
        )

    def group_pulls(self) -> tuple[Pull, Pull]:
        """The same for several samples that are asked about as one."""
        return _two(
            [
                ("Pull towards their values", "brings the predictions nearer to the values, in the mean"),
                ("Pull away from their values", "takes the predictions farther from the values, in the mean"),
            ]
        )


class TextStory(Story):
    """For texts that a language model learns, which are more or less likely."""

    if TYPE_CHECKING:

        @property
        def loss_unit(self) -> str: ...

    def right(self, seen: Mapping[str, Any]) -> bool:
        """None is wrong."""
        return True

    def query_sentence(self, seen: Mapping[str, Any]) -> str:
        """How likely the model finds it."""
        tokens, share = float(seen["tokens"]), float(seen["tokens_right"])
        loss = f"{three_digits(float(seen['loss']))} {self.loss_unit}"
        if not tokens or share != share:
            return "The model learns nothing from this row: it is trained on none of its words."
        right = f"{count(round(tokens * share))} of {plural(round(tokens), 'token')}"
        return f"The model's loss on this answer is {loss}; its own first choice is what stands there for {right}."

    def group_sentence(self, said: "pd.DataFrame") -> str:
        """How likely it finds them, in the mean."""
        mean = f"{three_digits(float(said['loss'].mean()))} {self.loss_unit}"
        return f"On these {plural(len(said), 'sample')} the model's loss is {mean} in the mean."

    def rival(self, seen: Mapping[str, Any], kept: np.ndarray) -> str:
        """No other text stands against it."""
        return ""

    def pulls(self, seen: Mapping[str, Any], rival: str = "") -> tuple[Pull, Pull]:
        """Towards the answer, or away from it."""
        return _two(
            [
                ("Pull towards this answer", "makes the model likelier to say it"),
                ("Pull away from this answer", "makes the model less likely to say it"),
            ]
        )

    def doubt(self, seen: Mapping[str, Any], near: Mapping[str, np.ndarray]) -> str:
        """Nothing was given that could be wrong."""
        return ""

    def share(self, seen: Mapping[str, Any]) -> float:
        """Not known: each token is pulled at by itself."""
        return 0.0

    def group_pulls(self) -> tuple[Pull, Pull]:
        """The same for several samples that are asked about as one."""
        return _two(
            [
                ("Pull towards these answers", "makes the model likelier to say them, in the mean"),
                ("Pull away from these answers", "makes the model less likely to say them, in the mean"),
            ]
        )


def are(n: int) -> str:
    """The verb of so many."""
    return "is" if n == 1 else "are"


def _two(sides: list[tuple[str, str]]) -> tuple[Pull, Pull]:
    first, second = (Pull(title, f"Training on one of these {words}.") for title, words in sides)
    return first, second
