"""Studies on what a test has at hand, without a project: each call names its data, its model and a folder."""

from dataclasses import replace
from pathlib import Path

from attribution.settings.configs import to_dict
from attribution.studies.base import Context
from attribution.studies.influence.study import Influence
from attribution.studies.memorization.study import Memorization
from attribution.studies.mislabels.study import Mislabels
from attribution.studies.preview.study import Preview
from attribution.studies.retrain.study import Retrain


def score(dataset, labels, run, config, queries, out, progress=None, **extra):
    context = Context(Path(out), dataset, labels, run, rows=lambda words, run: queries)
    return Influence().make(context, config, progress, **extra)


def flag(dataset, labels, run, config, out, progress=None, **extra):
    return Mislabels().make(Context(Path(out), dataset, labels, run), config, progress, **extra)


def memorize(dataset, labels, run, model, recipe, config, home):
    asked = replace(run, config={**run.config, "train": to_dict(recipe)})  # as if it had been trained like this
    context = Context(Path(home), dataset, labels, asked, model, recipe)
    return Memorization().make(context, config)


def preview(dataset, before, after, run, config, out):
    return Preview().make(Context(Path(out).parent, dataset, after, run, before=before), config)


def retrain(dataset, before, after, model, recipe, config, folder, progress=None):
    context = Context(Path(folder), dataset, after, None, model, recipe, before=before)
    return Retrain().make(context, config, progress)
