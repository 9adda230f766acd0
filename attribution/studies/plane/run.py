"""Asks the model on a grid over two number columns of a table, the other inputs at their training means."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.number_columns import as_handed, number_columns, numbers_of
from attribution.errors import UserError
from attribution.progress import Progress
from attribution.storage.files import whole_file
from attribution.studies.base import Context, Request
from attribution.studies.plane.study import PlaneConfig

if TYPE_CHECKING:
    from torch import Tensor

    from attribution.datasets.dataset import DatasetInfo
    from attribution.training.trained import TrainedModel

MARGIN = 0.06  # of the spread of the samples, added on each side
BLOCK = 4096  # points asked at once


def request(context: Context, config: PlaneConfig) -> Request:
    """The two columns, the grid, and the model."""
    across, upwards = columns_of(context.dataset.info, config)
    said = {
        "across": across,
        "upwards": upwards,
        "steps": config.steps,
        "run": context.asked.id,
        "weights": context.weights,
        "data": context.dataset.info.base_hash,
    }
    return Request(said)


def columns_of(info: "DatasetInfo", config: PlaneConfig) -> tuple[str, str]:
    """The two columns asked for, or the first number columns; ``UserError`` where there are none such."""
    known = list(number_columns(info))
    if len(known) < 2:
        raise UserError(
            f"The data has {len(known) or 'no'} number column{'s' * (len(known) != 1)}.",
            "A plane is spanned by two number columns of a table.",
            "Draw a map instead (datablame map).",
        )
    for name in filter(None, (config.across, config.upwards)):
        if name not in known:
            do = f"Choose one of: {', '.join(known)}."
            raise UserError(f"{name!r} is no number column.", "A plane has numbers on both axes.", do)
    across = config.across or next(name for name in known if name != config.upwards)
    upwards = config.upwards or next(name for name in known if name != across)
    if across == upwards:
        raise UserError(f"Both axes are {across!r}.", "Then all samples lie on one line.", "Choose two columns.")
    return across, upwards


def compute(context: Context, config: PlaneConfig, asked: Request, out: Path, work: Progress) -> dict[str, Any]:
    """Answers (and probabilities of classes) at ``steps`` x ``steps`` points, a margin around all samples. Costs one
    forward pass a point; no gradients."""
    info = context.dataset.info
    names = (asked.said["across"], asked.said["upwards"])
    coordinates = np.column_stack([numbers_of(context.dataset, name) for name in names]).astype(np.float32)
    low, high = np.nanmin(coordinates, axis=0), np.nanmax(coordinates, axis=0)
    margin = np.maximum((high - low) * MARGIN, 1e-6)
    limits = np.column_stack([low - margin, high + margin]).astype(np.float64)  # (2 columns, 2 ends)
    trained = context.trained(config.device)
    found = _ask(trained, names, limits, config.steps, work)
    targets = context.labels.values
    kind = context.dataset.task.targets
    values = [] if kind.kind == "number" else np.unique(np.concatenate([targets, found["answers"].ravel()])).tolist()
    out.mkdir(parents=True, exist_ok=True)
    for name, array in {"coordinates": coordinates, "targets": targets, **found}.items():
        with whole_file(out / f"{name}.npy") as temporary, open(temporary, "wb") as stream:
            np.save(stream, array, allow_pickle=False)
    return {
        "version": context.labels.version,
        "limits": limits.tolist(),
        "inputs": int(info.shape[0]),
        "words": {str(value): kind.word(value) for value in values},
        "unit": context.dataset.task.target_unit,
    }


def _ask(
    trained: "TrainedModel", names: tuple[str, str], limits: np.ndarray, steps: int, work: Progress
) -> dict[str, np.ndarray]:
    """The answers of the model on the grid, row by row upwards."""
    middle = _mean_inputs(trained)
    across, upwards = (np.linspace(low, high, steps) for low, high in limits.tolist())
    y, x = (part.ravel() for part in np.meshgrid(upwards, across, indexing="ij"))
    answers: list[np.ndarray] = []
    kept: list[np.ndarray] = []
    for start in range(0, len(x), BLOCK):
        work.update(start, len(x), "asking the model")
        outputs = _outputs(trained, middle, names, (x[start : start + BLOCK], y[start : start + BLOCK]))
        answers.append(trained.task.predict(outputs))
        if trained.task.kind == "class":
            kept.append(trained.task.class_probabilities(trained.task.kept(outputs)).astype(np.float16))
    found = {"answers": np.concatenate(answers).reshape(steps, steps)}
    return found | ({"probabilities": np.concatenate(kept).reshape(steps, steps, -1)} if kept else {})


def _mean_inputs(trained: "TrainedModel") -> "Tensor":
    """What the model is handed for the training samples, on average: (d,)."""
    total = sum(x.double().sum(0) for x, _ in trained.batches(trained.rows))
    return total / len(trained.rows)  # type: ignore[return-value]


def _outputs(
    trained: "TrainedModel", middle: "Tensor", names: tuple[str, str], values: tuple[np.ndarray, np.ndarray]
) -> "Tensor":
    """What the model returns for these points, all other inputs as in ``middle`` (d,)."""
    import torch

    from attribution.models.features import inputs_of

    model = trained.model()
    first = next(model.parameters(), middle.float())
    inputs = middle.to(first.dtype).repeat(len(values[0]), 1)  # (b, d)
    for name, column in zip(names, values, strict=True):
        place, handed = as_handed(trained.dataset.info, name, column, inputs_of(model))
        inputs[:, place] = torch.as_tensor(handed, dtype=inputs.dtype, device=inputs.device)
    with torch.no_grad():
        trained.count(len(inputs))
        return model(inputs).float().cpu()
