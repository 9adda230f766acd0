"""A finished rate of a behaviour as a folder: how often, how sure, and what the model answered. Reading it needs no
torch."""

from functools import cached_property
from typing import TYPE_CHECKING

from attribution.datasets.chat.behaviour import Behaviour
from attribution.statistics.intervals import Interval
from attribution.storage.artefact import Artefact
from attribution.storage.tables import read_table

if TYPE_CHECKING:
    import pandas as pd


class BehaviourResult(Artefact):
    """The share of held-out prompts on which one model shows a behaviour; of a probe, how well its direction tells
    held-out texts apart (area under the ROC curve; .5 is chance)."""

    what = "rate"

    @cached_property
    def behaviour(self) -> Behaviour:
        """As it was when it was measured."""
        return Behaviour.from_json(self.config["behaviour"])

    @property
    def rate(self) -> Interval:
        """The share, 0 to 1, with its 95 % interval: Wilson's; of an area under the curve DeLong's."""
        return Interval.from_json(self.config["rate"])

    @property
    def n(self) -> int:
        """Held-out prompts."""
        return int(self.config["n"])

    @cached_property
    def answers(self) -> "pd.DataFrame":
        """A line per held-out prompt: prompt, answer (generated; "" for a probe), shown (bool), ahead (by how many
        nats per token the unwanted answer is likelier, where there are both; of a probe the projection; else NaN)."""
        return read_table(self.folder / "answers.parquet")

    @property
    def sentence(self) -> str:
        """``Shows refuses on 21 of 24 unseen prompts: 88 % (95 % interval 69 to 96).``"""
        rate = self.rate
        if self.behaviour.kind == "probe":
            return (
                f"The direction of {self.behaviour.name} tells {self.n} unseen texts apart with an AUC of "
                f"{rate.estimate:.2f} (95 % interval {rate.low:.2f} to {rate.high:.2f}; .5 is chance)."
            )
        hits = round(rate.estimate * self.n)
        return (
            f"Shows {self.behaviour.name} on {hits} of {self.n} unseen prompts: {100 * rate.estimate:.0f} % (95 % "
            f"interval {100 * rate.low:.0f} to {100 * rate.high:.0f})."
        )

    @property
    def finer(self) -> str:
        """``By likelihood: the unwanted answer is ahead on 7 of 24, by +0.31 nats per token on average.``; "" where
        there is one measure only."""
        ahead = self.answers["ahead"]
        if self.behaviour.kind != "pattern" or ahead.isna().any():
            return ""
        size = f"{ahead.mean():+.2f}".replace("-", "\N{MINUS SIGN}")
        return (
            f"By likelihood: the unwanted answer is ahead on {int((ahead > 0).sum())} of {self.n}, by {size} nats per "
            "token on average."
        )
