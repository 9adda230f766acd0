"""What work would cost: time and memory from a timed share of it, before it is started."""

from typing import TYPE_CHECKING, Any

from attribution.progress import Progress
from attribution.project.runs import Models
from attribution.settings.configs import BenchConfig, FlagConfig, MemorizeConfig, ScoreConfig, TrainConfig

if TYPE_CHECKING:
    import pandas as pd

    from attribution.studies.costs.result import Forecast
    from attribution.training.run import Run


class Forecasts(Models):
    """A project's forecasts. ``score`` and ``flag`` look theirs up, so that a result tells it beside what it took."""

    def forecast_score(self, config: ScoreConfig | None = None, progress: Progress | None = None) -> "Forecast":
        """Time and memory that ``score`` would take, from a timed share of it (a few seconds); cheaper ways when it is
        long."""
        from attribution.studies.costs.scoring import forecast_score

        config = self._possible(config or ScoreConfig())
        run = self._need_run(config.run)
        queries = self.query_rows(config.queries, run)
        out = self.folder / "forecasts"
        work = progress or Progress()
        return forecast_score(self.dataset, self.labels, run, config, queries, out, work, trusted=self.trusted)

    def forecast_flag(self, config: FlagConfig | None = None, progress: Progress | None = None) -> "Forecast":
        """Time and memory that ``flag`` would take, from a timed share of it; cheaper ways when it is long."""
        from attribution.studies.costs.searching import forecast_flag

        config = self._possible(config or FlagConfig())
        run = self._need_run(config.run)
        out = self.folder / "forecasts"
        recipe = self._fold_recipe(run)
        return forecast_flag(
            self.dataset, self.labels, run, config, out, progress or Progress(), trusted=self.trusted, recipe=recipe
        )

    def forecast_train(self, config: TrainConfig | None = None, progress: Progress | None = None) -> "Forecast":
        """Time and memory that ``train`` would take, from epochs on a share of the samples."""
        from attribution.studies.costs.training import forecast_train

        recipe = self._possible(config or self.train_config)
        out = self.folder / "forecasts"
        work = progress or Progress()
        return forecast_train(self.dataset, self.labels, self._fresh_model(), recipe, out, work, trusted=self.trusted)

    def find_forecast(self, kind: str, config: Any) -> "Forecast | None":
        """The forecast made of exactly this work (kind score or flag) on the current labels, if one was."""
        from attribution.studies.costs.result import Forecast, forecast_key

        run = self._need_run(config.run)
        asked = [int(row) for row in self.query_rows(config.queries, run)] if kind == "score" else None
        found = Forecast(self.folder / "forecasts" / forecast_key(kind, config, run.id, self.labels.version, asked))
        return found if found.finished else None

    def forecast_memorize(self, config: MemorizeConfig | None = None) -> list[dict[str, Any]]:
        """Time against certainty for several numbers of models (``findings.memorization.forecast``)."""
        from attribution.studies.memorization import forecast
        from attribution.training.subsets import Subsets

        config = self._possible(config or MemorizeConfig())
        run = self._need_run(config.run)
        model = self._fresh_model()
        recipe = self._bench_recipe(run)
        subsets = Subsets.at(self.folder / "subsets", self.dataset, self.labels, model, recipe, share=config.share)
        return forecast(subsets, float(run.config.get("seconds_s", 0.0)), config.models, config.share)

    def forecast_compare(self, config: BenchConfig | None = None) -> "pd.DataFrame":
        """What more subsets would cost and how narrow the LDS interval would get: see
        ``evaluation.forecast.forecast``."""
        from attribution.studies.bench.cost import forecast

        config = self._possible(config or BenchConfig())
        run = self._need_run(config.run)
        return forecast(
            self.dataset, self.labels, run, self._fresh_model(), self._bench_recipe(run), config, self.folder
        )

    def _bench_recipe(self, run: "Run") -> TrainConfig:
        """As ``recipe_for``, without asking: a comparison says itself that loaded weights are judged by other
        models."""
        return self.train_config if run.loaded else run.train_config

    def _fold_recipe(self, run: "Run") -> TrainConfig | None:
        """The recipe of out-of-fold trainings; None where the user has not agreed to any."""
        return self._bench_recipe(run) if not run.loaded or self.trains_here else None
