"""The work of a project, done in this process: training, scoring, searching, comparing."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attribution.progress import Progress
from attribution.project.forecasts import Forecasts
from attribution.project.results import Results
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
)

if TYPE_CHECKING:
    from attribution.studies.angles.result import AnglesResult
    from attribution.studies.bench.result import BenchResult
    from attribution.studies.calibration.result import CalibrationResult
    from attribution.studies.damping.result import DampingResult
    from attribution.studies.fairness.result import FairnessResult
    from attribution.studies.influence.result import ScoreResult
    from attribution.studies.leaks.result import LeakResult
    from attribution.studies.map.result import MapResult
    from attribution.studies.memorization.result import MemorizationResult
    from attribution.studies.mislabels.result import FlagResult
    from attribution.studies.preview.result import PreviewResult
    from attribution.studies.retrain.result import RetrainResult
    from attribution.studies.shift.result import ShiftResult
    from attribution.training.run import Run


class Work(Results, Forecasts):
    """One method per kind of work: ``method(config, progress)`` gives the result, which the folder keeps."""

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
        if here:
            self.train_here()
        more = {"checkpoints": [str(path) for path in checkpoints]} if checkpoints else {}
        return self.studies.train.run(config, progress, **more)

    def score(
        self, config: ScoreConfig | None = None, progress: Progress | None = None, part: tuple[int, int] | None = None
    ) -> "ScoreResult":
        """Influence of every training sample on the queries; ``part=(i, n)`` computes only every n-th shard, from the
        i-th."""
        return self.studies.influence.run(config, progress, **({"part": part} if part else {}))

    def flag(self, config: FlagConfig | None = None, progress: Progress | None = None) -> "FlagResult":
        """Search the training labels for wrong ones with the detectors named, or the default ones."""
        return self.studies.mislabels.run(config, progress)

    def find_leaks(self, config: LeakConfig | None = None, progress: Progress | None = None) -> "LeakResult":
        """Search for training samples that repeat a test or validation sample, or each other."""
        return self.studies.leaks.run(config, progress)

    def embed(self, config: MapConfig | None = None, progress: Progress | None = None) -> "MapResult":
        """Lay all samples out in two dimensions."""
        return self.studies.map.run(config, progress)

    def angle(self, config: AnglesConfig | None = None, progress: Progress | None = None) -> "AnglesResult":
        """Measure how every training gradient stands to the gradient of the mean loss of the queries."""
        return self.studies.angles.run(config, progress)

    def retrain(self, config: RetrainConfig | None = None, progress: Progress | None = None) -> "RetrainResult":
        """Train before and after the edits with every seed, by the recipe of the model in use, and compare on the test
        set."""
        return self.studies.retrain.run(config, progress)

    def calibrate(self, config: CalibrateConfig | None = None, progress: Progress | None = None) -> "CalibrationResult":
        """Set a few labels wrong in a copy, train there, and see where the queue puts them; ledger and models stay as
        they are."""
        return self.studies.calibration.run(config, progress)

    def compare_splits(self, config: ShiftConfig | None = None, progress: Progress | None = None) -> "ShiftResult":
        """Train a classifier to tell test from training samples: does the test set look like the training set? Needs no
        model, unless the representation is asked for."""
        return self.studies.shift.run(config, progress)

    def remedy(self, config: RemedyConfig | None = None, progress: Progress | None = None) -> "FairnessResult":
        """Rank the training samples by the harm they do to a gap or to robustness, and train anew without the worst;
        edits nothing."""
        return self.studies.fairness.run(config, progress)

    def memorize(self, config: MemorizeConfig | None = None, progress: Progress | None = None) -> "MemorizationResult":
        """Retrain on random subsets and estimate which training labels are known by heart."""
        return self.studies.memorization.run(config, progress)

    def compare(self, config: BenchConfig | None = None, progress: Progress | None = None) -> "BenchResult":
        """Measure on this model and data which estimators and detectors to trust."""
        return self.studies.bench.run(config, progress)

    def damping_sweep(self, config: DampingConfig | None = None, progress: Progress | None = None) -> "DampingResult":
        """How much the damping of a curvature estimator matters here: its influences at several ratios, compared."""
        return self.studies.damping.run(config, progress)

    def preview(self, config: PreviewConfig | None = None, progress: Progress | None = None) -> "PreviewResult":
        """What the edits since the model was trained would do to it, without training: an approximation for one model.

        ``UserError`` when the labels that the model was trained on are not in this ledger, or none differs from the
        current ones.
        """
        return self.studies.preview.run(config, progress)

    def prepare(self, config: TrainConfig | None = None, progress: Progress | None = None) -> "Run":
        """Everything a new project opens on: train, search for wrong labels and leaks, map, explain wrong
        predictions."""
        return self.studies.prepare.run(config, progress)
