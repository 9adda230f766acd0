"""The work of a project, done in this process: training, scoring, searching, comparing."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attribution.errors import UserError
from attribution.progress import Progress
from attribution.project.forecasts import Forecasts
from attribution.project.results import Results
from attribution.project.steps import prepare
from attribution.project.studies import Studies
from attribution.settings.configs import (
    AnglesConfig,
    BenchConfig,
    CalibrateConfig,
    DampingConfig,
    FlagConfig,
    LeakConfig,
    MapConfig,
    MemorizeConfig,
    PreviewConfig,
    RemedyConfig,
    RetrainConfig,
    ScoreConfig,
    ShiftConfig,
    TrainConfig,
    fingerprint,
    to_dict,
)
from attribution.storage.locks import alone
from attribution.studies.base import Context

if TYPE_CHECKING:
    import numpy as np

    from attribution.studies.angles.result import AnglesResult
    from attribution.studies.bench import BenchResult
    from attribution.studies.damping.result import DampingResult
    from attribution.studies.fairness.result import FairnessResult
    from attribution.studies.influence import ScoreResult
    from attribution.studies.leaks.result import LeakResult
    from attribution.studies.map.result import MapResult
    from attribution.studies.memorization import MemorizationResult
    from attribution.studies.mislabels.calibration import CalibrationResult
    from attribution.studies.mislabels.run import FlagResult
    from attribution.studies.preview.result import PreviewResult
    from attribution.studies.retrain.result import RetrainResult
    from attribution.studies.shift.result import ShiftResult
    from attribution.training.run import Run

Method = TypeVar("Method", bound=Callable[..., Any])


def once(method: Method) -> Method:
    """Two processes that are asked for the same work do it one after the other: the second waits and finds the first
    one's result."""

    @functools.wraps(method)
    def alone_with_it(self: "Work", config: Any = None, progress: Progress | None = None, **extra: Any) -> Any:
        if extra.get("part"):  # parts of one score run are made side by side
            return method(self, config, progress, **extra)
        asked = (
            {name: value for name, value in to_dict(config).items() if name != "device"} if config is not None else {}
        )
        key = fingerprint(method.__name__, asked, self.labels.version, self._setting("run"))
        with alone(self.folder / ".locks" / f"{method.__name__}-{key}.lock", progress or Progress()):
            return method(self, config, progress, **extra)

    return cast("Method", alone_with_it)


class Work(Results, Forecasts):
    """One method per kind of work: ``method(config, progress)`` gives the result, which the folder keeps."""

    @property
    def studies(self) -> Studies:
        """All kinds of work by name: ``project.studies.leaks.run(config)``, ``.latest()``, ``.all()``, ``.cost()``."""
        return Studies(self)

    def context(self, run: str = "", needed: bool = True) -> Context:
        """What a study is told of this project, with the run of this id (empty: the current one)."""
        return Context(
            self.folder,
            self.dataset,
            self.labels,
            self._need_run(run) if run or needed else self.run,
            self.model_config,
            self.train_config,
            trusted=self.trusted,
            agreed=self._setting("trainings") == "here",
            elsewhere=self.loaded,
            rows=self.query_rows,
            labels_at=self.labels_at,
            use=lambda run: self._set("run", run),
        )

    def train(
        self,
        config: TrainConfig | None = None,
        progress: Progress | None = None,
        *,
        here: bool = False,
        checkpoints: "Sequence[str | Path]" = (),
    ) -> "Run":
        """Train the project's model on the current labels (or load the user's checkpoints); finished work is found, not
        repeated.

        Weights that were trained elsewhere are not replaced unasked: after an edit it takes ``checkpoints``, files that
        the user trained on the current labels, or ``here=True``, which trains from scratch with the project's recipe
        (see ``train_here``); else ``UserError``. The result becomes the current model, unless it was trained with
        another seed than the project's.
        """
        from attribution.training.train import train

        work = progress or Progress()
        runs = self.folder / "runs"
        recipe = self._possible(config or self.train_config)
        if here:
            self.train_here()
        if checkpoints or not self.trains_here:
            run = self._adopt([str(path) for path in checkpoints], recipe.device, work)
        else:
            run = train(self.dataset, self.labels, self._fresh_model(), recipe, runs, work, trusted=self.trusted)
        if checkpoints or run.loaded or recipe.seed == self.train_config.seed:
            self._set("run", run.id)
        return run

    def _adopt(self, checkpoints: list[str], device: str, work: Progress) -> "Run":
        """The user's weights for the current labels: the files given, else those that the project was made with."""
        from attribution.training.train import adopt

        known = [run for run in self.runs() if run.loaded and run.version == self.labels.version]
        if known and not checkpoints:
            return next((run for run in known if self.run is not None and run.id == self.run.id), known[0])
        if not checkpoints and self.labels.version != self.dataset.base_version().version:
            raise self._trained_elsewhere()
        model = self.model_config
        if checkpoints:  # their learning rates were not given
            model = dataclasses.replace(model, checkpoints=tuple(checkpoints), checkpoint_lr=())
        return adopt(self.dataset, self.labels, model, self.folder / "runs", work, trusted=self.trusted, device=device)

    @once
    def score(
        self, config: ScoreConfig | None = None, progress: Progress | None = None, part: tuple[int, int] | None = None
    ) -> "ScoreResult":
        """Influence of every training sample on the queries; ``part=(i, n)`` computes only every n-th shard, from the
        i-th."""
        from attribution.studies.influence import score

        config = self._possible(config or ScoreConfig())
        run = self._need_run(config.run)
        queries = self.query_rows(config.queries, run)
        out = self.folder / "scores"
        forecast = self.find_forecast("score", config)
        told = forecast.told if forecast else None
        work = progress or Progress()
        return score(
            self.dataset, self.labels, run, config, queries, out, work, trusted=self.trusted, part=part, forecast=told
        )

    @once
    def flag(self, config: FlagConfig | None = None, progress: Progress | None = None) -> "FlagResult":
        """Search the training labels for wrong ones with the detectors named, or the default ones."""
        from attribution.studies.categories.categories import KEPT_FROM
        from attribution.studies.mislabels.run import flag

        config = self._possible(config or FlagConfig())
        run = self._need_run(config.run)
        forecast = self.find_forecast("flag", config)
        told = forecast.told if forecast else None
        out = self.folder / "flags"
        work = progress or Progress()
        recipe = self._fold_recipe(run)
        found = flag(
            self.dataset, self.labels, run, config, out, work, trusted=self.trusted, forecast=told, recipe=recipe
        )
        if len(found.detectors) >= KEPT_FROM and self.dataset.task.kind == "class":
            self.categories_of(found)  # kept with the search, so that no page waits for it
        return found

    def find_leaks(self, config: LeakConfig | None = None, progress: Progress | None = None) -> "LeakResult":
        """Search for training samples that repeat a test or validation sample, or each other."""
        return self.studies.leaks.run(config, progress)

    def embed(self, config: MapConfig | None = None, progress: Progress | None = None) -> "MapResult":
        """Lay all samples out in two dimensions."""
        return self.studies.map.run(config, progress)

    def angle(self, config: AnglesConfig | None = None, progress: Progress | None = None) -> "AnglesResult":
        """Measure how every training gradient stands to the gradient of the mean loss of the queries."""
        return self.studies.angles.run(config, progress)

    @once
    def retrain(self, config: RetrainConfig | None = None, progress: Progress | None = None) -> "RetrainResult":
        """Train before and after the edits with every seed, by the recipe of the model in use, and compare on the test
        set."""
        from attribution.project.peeked import chosen_on_test
        from attribution.studies.retrain.run import retrain

        before = self.dataset.base_version()
        after = self.labels
        train = self.dataset.rows("train")
        changed = train[(before.values[train] != after.values[train]) | (before.active[train] != after.active[train])]
        return retrain(
            self.dataset,
            before,
            after,
            self._fresh_model(),
            self.recipe_for(),
            self._possible(config or RetrainConfig()),
            self.folder / "runs",
            self.folder / "retrains",
            progress or Progress(),
            trusted=self.trusted,
            elsewhere=self.loaded,
            chosen_on_test=chosen_on_test(self._db, self.dataset, changed.tolist()),
        )

    @once
    def calibrate(self, config: CalibrateConfig | None = None, progress: Progress | None = None) -> "CalibrationResult":
        """Set a few labels wrong in a copy, train there, and see where the queue puts them; ledger and models stay as
        they are."""
        from attribution.studies.mislabels.calibration import calibrate

        config = self._possible(config or CalibrateConfig())
        run = self._need_run(config.run)
        flags = self.flags()
        if flags is None:
            raise UserError(
                "Nobody has looked for wrong labels yet.",
                "There is no queue to measure.",
                "Run `datablame flag` first.",
            )
        out = self.folder / "calibration"
        recipe = self.recipe_for(run)
        return calibrate(
            self.dataset,
            self.labels,
            run,
            flags,
            config,
            out,
            progress or Progress(),
            trusted=self.trusted,
            recipe=recipe,
        )

    def compare_splits(self, config: ShiftConfig | None = None, progress: Progress | None = None) -> "ShiftResult":
        """Train a classifier to tell test from training samples: does the test set look like the training set? Needs no
        model, unless the representation is asked for."""
        return self.studies.shift.run(config, progress)

    @once
    def remedy(self, config: RemedyConfig | None = None, progress: Progress | None = None) -> "FairnessResult":
        """Rank the training samples by the harm they do to a gap or to robustness, and train anew without the worst;
        edits nothing."""
        from attribution.studies.fairness.run import remedy

        config = self._possible(config or RemedyConfig())
        run = self._need_run(config.run)
        common = (self._fresh_model(), self.recipe_for(run), config, self.folder / "remedies", progress or Progress())
        return remedy(self.dataset, self.labels, run, *common, trusted=self.trusted)

    @once
    def memorize(self, config: MemorizeConfig | None = None, progress: Progress | None = None) -> "MemorizationResult":
        """Retrain on random subsets and estimate which training labels are known by heart."""
        from attribution.studies.memorization import memorize

        config = self._possible(config or MemorizeConfig())
        run = self._need_run(config.run)
        model = self._fresh_model()
        work = progress or Progress()
        recipe = self.recipe_for(run)
        return memorize(self.dataset, self.labels, run, model, recipe, config, self.folder, work, trusted=self.trusted)

    @once
    def compare(self, config: BenchConfig | None = None, progress: Progress | None = None) -> "BenchResult":
        """Measure on this model and data which estimators and detectors to trust."""
        from attribution.studies.bench.run import bench

        config = self._possible(config or BenchConfig())
        run = self._need_run(config.run)
        queries = self._bench_queries(config, run)
        recipe = self._bench_recipe(run)
        model = self._fresh_model()
        work = progress or Progress()
        return bench(
            self.dataset, self.labels, run, model, recipe, config, queries, self.folder, work, trusted=self.trusted
        )

    def _bench_queries(self, config: BenchConfig, run: "Run") -> "np.ndarray":
        from attribution.studies.bench.run import choose_queries

        rows = self.query_rows(config.queries, run)
        rows = rows[self.labels.active[rows]]
        if not len(rows):
            raise UserError(
                "All samples that would be asked about are dropped.",
                "Nothing is left to compare by.",
                "Keep some, or ask about others.",
            )
        return choose_queries(
            rows, self.predictions(run).loc[rows, "correct"].to_numpy(dtype=bool), config.count, config.seed
        )

    def damping_sweep(self, config: DampingConfig | None = None, progress: Progress | None = None) -> "DampingResult":
        """How much the damping of a curvature estimator matters here: its influences at several ratios, compared."""
        return self.studies.damping.run(config, progress)

    @once
    def preview(self, config: PreviewConfig | None = None, progress: Progress | None = None) -> "PreviewResult":
        """What the edits since the model was trained would do to it, without training: an approximation for one model.

        ``UserError`` when the labels that the model was trained on are not in this ledger, or none differs from the
        current ones.
        """
        from attribution.studies.preview.run import preview

        config = self._possible(config or PreviewConfig())
        run = self._need_run(config.run)
        before = self.labels_at(run.version)
        if before is None:
            raise UserError(
                f"The labels that run {run.id} was trained on are not in this project's ledger.",
                "A preview starts from what the model learned.",
                "Train again, or choose another run.",
            )
        return preview(
            self.dataset,
            before,
            self.labels,
            run,
            config,
            self.folder / "previews",
            progress or Progress(),
            trusted=self.trusted,
        )

    def prepare(self, config: TrainConfig | None = None, progress: Progress | None = None) -> "Run":
        """Everything a new project opens on: train, search for wrong labels and leaks, map, explain wrong
        predictions."""
        return prepare(self, config, progress or Progress())
