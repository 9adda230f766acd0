"""What work would cost: time and memory from a timed share of it, before it is started."""

from typing import TYPE_CHECKING, Any

from attribution.progress import Progress
from attribution.project.runs import Models
from attribution.project.studies import Of
from attribution.settings.configs import BenchConfig, FlagConfig, MemorizeConfig, ScoreConfig, TrainConfig
from attribution.studies import named

if TYPE_CHECKING:
    import pandas as pd

    from attribution.studies.costs.result import Forecast


class Forecasts(Models):
    """A project's forecasts. ``score`` and ``flag`` look theirs up, so that a result tells it beside what it took."""

    def forecast_score(self, config: ScoreConfig | None = None, progress: Progress | None = None) -> "Forecast":
        """Time and memory that ``score`` would take, from a timed share of it (a few seconds); cheaper ways when it is
        long."""
        return self.studies.influence.cost(config, progress)

    def forecast_flag(self, config: FlagConfig | None = None, progress: Progress | None = None) -> "Forecast":
        """Time and memory that ``flag`` would take, from a timed share of it; cheaper ways when it is long."""
        return self.studies.mislabels.cost(config, progress)

    def forecast_train(self, config: TrainConfig | None = None, progress: Progress | None = None) -> "Forecast":
        """Time and memory that ``train`` would take, from epochs on a share of the samples."""
        return Of(self, named("train-cost")).run(config, progress)

    def find_forecast(self, kind: str, config: Any) -> "Forecast | None":
        """The forecast made of exactly this work (a study's name or alias) on the current labels, if one was."""
        return Of(self, named(f"{named(kind).name}-cost")).find(config)

    def forecast_memorize(self, config: MemorizeConfig | None = None) -> list[dict[str, Any]]:
        """Time against certainty for several numbers of models (``studies.memorization.run.forecast``)."""
        return self.studies.memorization.cost(config)

    def forecast_compare(self, config: BenchConfig | None = None) -> "pd.DataFrame":
        """What more subsets would cost and how narrow the LDS interval would get: see ``studies.bench.cost``."""
        return self.studies.bench.cost(config)
