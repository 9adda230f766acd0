"""A score run: the most helpful and most harmful training samples of every query."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from attribution.errors import UserError
from attribution.exporters import register
from attribution.exporters.base import Exported, Exporter
from attribution.settings.ranges import Settings, opt

if TYPE_CHECKING:
    import pandas as pd

    from attribution.studies.influence.result import ScoreResult


@dataclass(frozen=True)
class ScoresSettings(Settings):
    """Which score run."""

    score: str = opt("", "Id of the score run, as `datablame status` lists it; empty: the newest.")


@register("scores")
class ScoresExport(Exporter):
    """Lines of one score run: query, side (helped or hurt), rank, training sample, influence and cosine."""

    title = "Influence"
    summary = (
        "The strongest training samples of every query of a score run, with estimator and sign: positive means that "
        "training on the sample lowered the query's loss."
    )
    file = "scores.csv"
    group = "findings"
    about: ClassVar[Mapping[str, str]] = {
        "estimator": "Which estimator.",
        "measure": "What influence was asked of: loss, or another measure.",
        "query": "Id of the sample (or name of the group) that was asked about.",
        "side": "helped: influence above 0; hurt: below.",
        "rank": "1 = the strongest of its side.",
        "sample": "Id of the training sample.",
        "influence": "Positive: training on the sample lowered the query's measure (its loss), negative: raised it; in "
        "the estimator's unit (docs/methods.md).",
        "cosine": "-1 to 1: cosine of the two gradients, positive = they point the same way.",
    }
    Settings = ScoresSettings
    settings: ScoresSettings

    def missing(self, project: Exported) -> str:
        return "" if project.scores() else "Nothing is scored yet."

    def table(self, project: Exported) -> "pd.DataFrame":
        result = self._asked(project)
        found = result.summary.sort_values(["query", "side", "rank"], ascending=[True, False, True])
        names = [query["name"] for query in result.queries]
        ids = project.dataset.ids
        found = found.assign(
            estimator=result.estimator,
            measure=result.measure,
            query=[names[column] for column in found["query"]],
            side=found["side"].map({1: "helped", -1: "hurt"}),
            sample=ids[found["row"].to_numpy()],
        )
        columns = ["estimator", "measure", "query", "side", "rank", "sample", "influence", "cosine"]
        return found[columns].reset_index(drop=True)

    def _asked(self, project: Exported) -> "ScoreResult":
        finished = project.scores()
        fitting = [one for one in finished if self.settings.score in ("", one.id)]
        if fitting:
            return fitting[0]
        if not finished:
            raise UserError(self.missing(project), "There are no influences to write.", "Score some queries first.")
        known = ", ".join(one.id for one in finished[:8])
        raise UserError(f"There is no score run {self.settings.score!r}.", "", f"Choose one of: {known}.")
