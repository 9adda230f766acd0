"""A finished removal curve as a folder. Reading it needs no torch."""

from functools import cached_property
from typing import TYPE_CHECKING

from attribution.storage.artefact import Artefact
from attribution.storage.tables import read_table
from attribution.studies.bench.recommend import Choice

if TYPE_CHECKING:
    import pandas as pd


class RemovalResult(Artefact):
    """The rate of a behaviour on unseen prompts after dropping the k rows that each estimator says taught it."""

    what = "removal curve"

    @property
    def behaviour(self) -> str:
        """Its name."""
        return str(self.config["behaviour"]["name"])

    @cached_property
    def curve(self) -> "pd.DataFrame":
        """A line per estimator and k (0: nothing dropped): estimator, k, rate, low, high (mean over the seeds, 95 %
        interval over seeds and prompts), change, change_low, change_high (against dropping nothing), ahead, ahead_low,
        ahead_high (against dropping as many rows by chance; negative: the behaviour fell further)."""
        return read_table(self.folder / "curve.parquet")

    @cached_property
    def choice(self) -> Choice:
        """Which estimator to go by: ``bench.recommend.RULE``, with the mean fall of the rate over all k as the figure
        and paired draws of the prompts."""
        return Choice.from_json(self.config["choice"])

    @property
    def verdict(self) -> str:
        """In a sentence or two, with intervals."""
        named = self.choice
        largest = self.curve[self.curve["k"] == self.curve["k"].max()]
        parts = [
            f"{line.estimator} {100 * line.rate:.0f} % ({100 * line.low:.0f} to {100 * line.high:.0f})"
            for line in largest.itertuples()
        ]
        start = self.curve[self.curve["k"] == 0]["rate"].iloc[0]
        found = f"{self.behaviour}: {100 * start:.0f} % with all rows; without the {largest['k'].iloc[0]} that "
        found += f"taught it, by {', '.join(parts)}, on {self.config['n']} unseen prompts."
        if not named.pick:
            return f"{found} None does measurably better than dropping rows by chance."
        equals = [name for name in named.equals if name != named.pick]
        also = f"; {' and '.join(equals)} not measurably worse or better" if equals else ""
        return f"{found} Recommended: {named.pick}{also}."
