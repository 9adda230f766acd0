"""A fitted scikit-learn model as a run: a linear one exactly, any other by what it says."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.errors import UserError
from attribution.models.linear_models import Linear, is_estimator, linear, parts_of
from attribution.progress import Progress
from attribution.project import predictions
from attribution.settings.configs import ModelConfig, fingerprint
from attribution.storage.files import whole_file
from attribution.studies.base import Context
from attribution.training.given import given
from attribution.training.known import Known

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset
    from attribution.training.run import Run

SAME = 1e-5  # by which probabilities, or numbers in deviations, of a layer in float32 may differ from the model's


def from_sklearn(context: Context, model: Any, data: Any, progress: Progress) -> "Run":
    """The run of a fitted model: with weights where one linear layer says the same of the pipeline's features, else of
    its predictions alone. ``data``: what the model takes, a line per sample; None: the project's own columns."""
    if not is_estimator(model):
        raise UserError(
            f"{type(model).__name__} is no model of scikit-learn.",
            "It is asked by predict or predict_proba.",
            "Give a fitted estimator or pipeline, or its predictions: project.add_predictions(...).",
        )
    dataset = context.dataset
    lines = _lines(dataset) if data is None else data
    before, last = parts_of(model)
    said = _said(model, lines, dataset)
    features = _numbers(lines if before is None else before.transform(lines))
    seen = None if features is None else predictions.seen(dataset, features, said, dataset.ids)[0]
    layer = linear(last, dataset.task, len(context.labels.train_rows(dataset)))
    if layer is not None and seen is not None and _same(layer, seen, said, last, dataset):
        run = _exact(context, _ordered(layer, last, dataset), seen, type(last).__name__, progress)
    else:
        runs = context.folder / "runs"
        shown, where = (seen, "given") if seen is not None else predictions.seen(dataset, None, said)
        run = given(dataset, context.labels, context.model, said, shown, runs, out_of_fold=False, seen=where)
    context.use(run.id)
    return run


def _lines(dataset: "Dataset") -> Any:
    """The project's samples as the model's own input, in the order of the rows."""
    import pandas as pd

    originals = [dataset.originals[row] for row in range(len(dataset))]
    if originals and isinstance(originals[0], dict):
        return pd.DataFrame(originals)
    return (
        originals
        if originals and isinstance(originals[0], str)
        else np.stack([np.asarray(one).reshape(-1) for one in originals])
    )


def _said(model: Any, lines: Any, dataset: "Dataset") -> np.ndarray:
    """What a run keeps of the model's answers."""
    if dataset.task.kind == "number":
        return predictions.kept(dataset, np.asarray(model.predict(lines)), dataset.ids)
    if not hasattr(model, "predict_proba"):
        raise UserError(
            f"{type(model).__name__} says no probabilities.",
            "How sure a model is of each class is what labels are judged by.",
            "Wrap it: sklearn.calibration.CalibratedClassifierCV, or use one that has predict_proba.",
        )
    said = np.asarray(model.predict_proba(lines))[:, _columns(model, dataset)]
    return predictions.kept(dataset, said, dataset.ids)


def _columns(model: Any, dataset: "Dataset") -> np.ndarray:
    """Where the model's outputs have each of the project's classes: by name, else by number."""
    wanted = dataset.task.targets.names()
    names = [str(one) for one in getattr(model, "classes_", ())]
    numbers = [str(place) for place in range(len(wanted))]
    for known in (wanted, numbers):
        if set(known) == set(names):
            return np.array([names.index(name) for name in known])
    raise UserError(
        f"The model's classes are {', '.join(names) or 'not said'}; the project's are {', '.join(wanted)}.",
        "They are matched by name.",
        "Fit it on the same labels.",
    )


def _numbers(features: Any) -> np.ndarray | None:
    """Features (n, d) float32, where they are numbers."""
    found = features.toarray() if hasattr(features, "toarray") else np.asarray(features)
    if found.ndim != 2 or found.dtype.kind not in "fiub":
        return None
    return np.asarray(found, dtype=np.float32)


def _ordered(layer: Linear, last: Any, dataset: "Dataset") -> Linear:
    if dataset.task.kind == "number":
        return layer
    columns = _columns(last, dataset)
    return replace(layer, weight=layer.weight[columns], bias=layer.bias[columns])


def _same(layer: Linear, features: np.ndarray, said: np.ndarray, last: Any, dataset: "Dataset") -> bool:
    """Whether the layer says what the model says."""
    import torch

    mine = _ordered(layer, last, dataset)
    if len(mine.weight) != dataset.task.out_features(dataset.info):
        return False
    outputs = features.astype(np.float64) @ mine.weight.T + mine.bias
    return bool(np.abs(dataset.task.kept(torch.from_numpy(outputs)) - said).max() < SAME)


def _exact(context: Context, layer: Linear, features: np.ndarray, name: str, progress: Progress) -> "Run":
    """A run of the built-in linear network on the pipeline's features, which are kept with the project."""
    import pandas as pd

    from attribution.models.build import inputs_for
    from attribution.training.train import adopt
    from attribution.transforms.handing import place

    token = fingerprint("sklearn", name, features.tobytes().hex())
    model = ModelConfig("logistic", transform=f"given:{name}-{token}", shape=(features.shape[1],))
    path = place(context.dataset, inputs_for(model))
    with whole_file(path) as temporary, open(temporary, "wb") as stream:
        np.save(stream, features, allow_pickle=False)
    about = {"sklearn": name, **({"l2": layer.l2} if layer.l2 is not None else {})}
    entries = [{"epoch": 1, "lr": None, "weight": 1.0}]
    known = Known(fingerprint(about), pd.DataFrame(), entries, "order", about=about)
    with tempfile.TemporaryDirectory(prefix="sklearn-") as folder:
        weights = Path(folder) / "weights.safetensors"
        layer.save(weights)
        wanted = replace(model, checkpoints=(str(weights),))
        return adopt(context.dataset, context.labels, wanted, context.folder / "runs", progress, known=known)
