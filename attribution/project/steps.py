"""The steps of the work: their configs and titles, and the chain that sets a new project up."""

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from attribution.progress import Progress
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
from attribution.studies.queries import asked

if TYPE_CHECKING:
    from attribution.project.work import Work
    from attribution.training.train import Run


@dataclass(frozen=True)
class Step:
    """A kind of work: its settings, the ``Project`` method that does it, and what it is called."""

    config: type
    method: str
    title: str


STEPS: dict[str, Step] = {
    "train": Step(TrainConfig, "train", "Train the model"),
    "score": Step(ScoreConfig, "score", "Explain {queries} ({estimator})"),
    "flag": Step(FlagConfig, "flag", "Look for wrong labels"),
    "leaks": Step(LeakConfig, "find_leaks", "Look for leaks and duplicates"),
    "map": Step(MapConfig, "embed", "Draw the map ({space}, {method})"),
    "angles": Step(AnglesConfig, "angle", "Measure angles to {queries}"),
    "retrain": Step(RetrainConfig, "retrain", "Retrain and compare"),
    "calibrate": Step(CalibrateConfig, "calibrate", "Measure the queue on planted errors"),
    "shift": Step(ShiftConfig, "compare_splits", "Compare test with training data"),
    "remedy": Step(RemedyConfig, "remedy", "Find what harms {measure}, and try without"),
    "memorize": Step(MemorizeConfig, "memorize", "Find what is known by heart ({models} models)"),
    "damping": Step(DampingConfig, "damping_sweep", "Sweep the damping of {estimator}"),
    "compare": Step(BenchConfig, "compare", "Compare estimators"),
    "preview": Step(PreviewConfig, "preview", "Preview without retraining"),
    "forecast-flag": Step(FlagConfig, "forecast_flag", "Forecast the search for wrong labels"),
    "forecast-score": Step(ScoreConfig, "forecast_score", "Forecast the time of {estimator}"),
    "prepare": Step(TrainConfig, "prepare", "Set up: train, look for wrong labels, draw the map"),
}


SPACES = {"representation": "what the model sees", "gradients": "how samples pull on the model"}
MEASURES = {"eop-gap": "equal opportunity", "dp-gap": "equal rates", "fgsm": "robustness", "pgd": "robustness"}


def title(kind: str, config: Any) -> str:
    """What a job does, in the words of the pages; braces in a step's title are filled from its settings."""
    from attribution.estimators import estimators

    settings = dataclasses.asdict(config)
    if "queries" in settings:
        settings["queries"] = asked(str(settings["queries"]))
    if "method" in settings:
        settings["method"] = str(settings["method"]).upper()
    if "space" in settings:
        settings["space"] = SPACES.get(str(settings["space"]), settings["space"])
    if isinstance(settings.get("estimator"), str):
        settings["estimator"] = estimators.get(settings["estimator"]).title
    if "measure" in settings:
        settings["measure"] = MEASURES.get(str(settings["measure"]), settings["measure"])
    return STEPS[kind].title.format(**settings)


def _first_queries(project: "Work", run: "Run") -> str:
    """What is explained first: wrong test predictions, or what there is of test and validation samples."""
    test = project.dataset.rows("test")
    if len(test) and not project.predictions(run).loc[test, "correct"].all():
        return "wrong"
    return next((split for split in ("test", "val") if len(project.dataset.rows(split))), "")


def prepare(project: "Work", config: TrainConfig | None, work: Progress) -> "Run":
    """Train, search for wrong labels and leaks, map, and explain the wrong test predictions: what the pages of a new
    project open on."""
    run = project.train(config, work.part(0.0, 0.25, "Training"))
    project.flag(FlagConfig(run=run.id), work.part(0.25, 0.8, "Looking for wrong labels"))
    project.embed(MapConfig(run=run.id, method="pca"), work.part(0.8, 0.82, "Drawing the map"))
    project.find_leaks(LeakConfig(run=run.id), work.part(0.82, 0.86, "Looking for leaks"))
    if queries := _first_queries(project, run):
        project.score(ScoreConfig(run=run.id, queries=queries), work.part(0.86, 0.92, "Explaining predictions"))
    project.embed(MapConfig(run=run.id), work.part(0.92, 1.0, "Drawing the map"))
    return run
