"""Influence as a study."""

from typing import Any

from attribution.settings.configs import ScoreConfig
from attribution.studies import studies
from attribution.studies.base import Request, Study


@studies.register("influence")
class Influence(Study[ScoreConfig]):
    """Influence of every training sample on the queries."""

    title = "Explain {queries} ({estimator})"
    config = ScoreConfig
    result = "ScoreResult"
    alias = "score"
    folder = "scores"
    questions = True

    def again(self, result: Any, asked: Request) -> Any:
        return self._beside("run").again(result, asked)
