"""Costs as studies: what a score run, a search or a training would take, told from a timed share of it."""

from attribution.settings.configs import ScoreConfig, TrainConfig
from attribution.studies import studies
from attribution.studies.base import Study
from attribution.studies.mislabels.study import FlagConfig


@studies.register("influence-cost")
class InfluenceCost(Study[ScoreConfig]):
    """Time and memory of a score run, from a timed share of it (a few seconds); cheaper ways when it is long."""

    title = "Forecast the time of {estimator}"
    config = ScoreConfig
    result = "CostResult"
    alias = "forecast-score"
    folder = "forecasts"
    page = "influence"
    module = "scoring"
    questions = True


@studies.register("mislabels-cost")
class MislabelsCost(Study[FlagConfig]):
    """Time and memory of a search for wrong labels, from a timed share of it; cheaper ways when it is long."""

    title = "Forecast the search for wrong labels"
    config = FlagConfig
    result = "CostResult"
    alias = "forecast-flag"
    folder = "forecasts"
    page = "review"
    module = "searching"


@studies.register("train-cost")
class TrainCost(Study[TrainConfig]):
    """Time and memory of a training, from epochs on a share of the samples."""

    title = "Forecast the training"
    config = TrainConfig
    result = "CostResult"
    folder = "forecasts"
    page = "overview"
    module = "training"

    def asks_model(self, config: TrainConfig) -> bool:
        return False

    def usual(self, recipe: TrainConfig) -> TrainConfig:
        return recipe
