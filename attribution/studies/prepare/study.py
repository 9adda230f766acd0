"""The chain that sets a new project up: train, look for wrong labels and leaks, map, explain wrong predictions."""

from dataclasses import replace
from typing import Any

from attribution.estimators import estimators
from attribution.progress import Progress
from attribution.settings.configs import ScoreConfig, TrainConfig
from attribution.studies import studies
from attribution.studies.base import Context
from attribution.studies.hygiene.study import Hygiene, HygieneConfig
from attribution.studies.influence.study import Influence
from attribution.studies.leaks.study import LeakConfig, Leaks
from attribution.studies.map.study import Map, MapConfig
from attribution.studies.mislabels.study import FlagConfig, Mislabels
from attribution.studies.plane.study import Plane, PlaneConfig
from attribution.studies.train.study import Train

WITHOUT_MODEL = "representation"  # what explains predictions where there is no model to ask for gradients


@studies.register("prepare")
class Prepare(Train):
    """Everything a new project opens on: train, search for wrong labels and leaks, map, explain wrong predictions."""

    title = "Set up: train, look for wrong labels, draw the map"

    def make(self, context: Context, config: TrainConfig, progress: Progress | None = None, **extra: Any) -> Any:
        work = progress or Progress()
        run = Train().make(context, config, work.part(0.0, 0.25, "Training"))
        there = replace(context, run=run, elsewhere=run.loaded)
        if context.dataset.task.targets.correctable:
            Mislabels().make(there, FlagConfig(run=run.id), work.part(0.25, 0.8, "Looking for wrong labels"))
        else:
            Hygiene().make(there, HygieneConfig(), work.part(0.25, 0.8, "Looking for faulty rows"))
        Map().make(there, MapConfig(run=run.id, method="pca"), work.part(0.8, 0.82, "Drawing the map"))
        if not run.given:
            _plane(there)
        Leaks().make(there, LeakConfig(run=run.id), work.part(0.82, 0.86, "Looking for leaks"))
        estimator = WITHOUT_MODEL if run.given else ScoreConfig().estimator
        serves = estimators.get(estimator).serves(context.dataset.task.kind)
        if serves and (queries := _first_queries(there)):
            asked = ScoreConfig(run=run.id, queries=queries, estimator=estimator)
            Influence().make(there, asked, work.part(0.86, 0.92, "Explaining predictions"))
        Map().make(there, MapConfig(run=run.id), work.part(0.92, 1.0, "Drawing the map"))
        return run


def _plane(context: Context) -> None:
    """The plane of a table's first two number columns, where it has two and the model can be asked between them."""
    from attribution.datasets.number_columns import number_columns

    if (
        len(number_columns(context.dataset.info)) >= 2
        and context.model.inputs != "tokens"
        and not context.model.transform
    ):
        Plane().make(context, PlaneConfig(run=context.asked.id))


def _first_queries(context: Context) -> str:
    """What is explained first: wrong test predictions, or what there is of test and validation samples."""
    test = context.dataset.rows("test")
    if len(test) and not context.right(test, context.asked).all():
        return "wrong"
    return next((split for split in ("test", "val") if len(context.dataset.rows(split))), "")
