"""What a project knows of each of its samples, a column each: as given, as it stands now, and what was found."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attribution.exporters.base import Exported

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

PREFIX = "datablame_"  # of columns beside the user's own; an import passes over them
ABOUT: Mapping[str, str] = {
    "id": "Stable id of the sample.",
    "split": "train, val or test.",
    "given": "Target as imported, in words; empty: none.",
    "label": "Target as it stands now, in words; empty: none.",
    "verdict": "What was decided: relabel, drop, keep; empty: nothing.",
    "dropped": "True: taken out by a decision; not trained on and not judged by.",
    "tags": "Tags given in the review.",
    "note": "Note written in the review.",
    "unsure": "True: marked as unsure in the review.",
    "suspicion": "0 to 1, higher = the label is more likely wrong; empty: not searched (only training samples are).",
    "position": "Place in the review queue, 1 = most suspicious.",
    "suggested": "The likeliest other target.",
    "kind": "mislabelled, hard, rare, leaked, duplicate, memorized or ordinary.",
    "leak": "Ids of its likely copies on the other side of the split (training or held-out).",
    "duplicate": "Ids of its likely copies among the training samples.",
    "memorization": "-1 to 1: by which share models are right about it more often when trained on it.",
    "prediction": "What the current model answers.",
    "confidence": "Probability of the prediction, 0 to 1.",
    "p_label": "Probability of the target as it stands now, 0 to 1.",
    "loss": "Loss of the current model on the target as it stands now, in the task's unit; lower is better.",
    "correct": "Whether the model answers the target as it stands now.",
    "error": "Prediction minus target, in the target's unit.",
}


def known(project: Exported) -> "pd.DataFrame":
    """A line per sample in row order, with the columns of ``ABOUT`` that the project has something for."""
    import pandas as pd

    dataset = project.dataset
    targets = dataset.task.targets
    labels = project.labels
    table = pd.DataFrame(
        {
            "id": dataset.ids,
            "split": dataset.column("split").to_numpy(dtype=object),
            "given": pd.Series(targets.words(dataset.labels), dtype=object),
            "label": pd.Series(targets.words(labels.values), dtype=object),
            **_decided(project),
        }
    )
    for part in (_suspected(project), _related(project), _memorized(project), _said(project)):
        table = table.assign(**part)
    return table


def kept(project: Exported) -> "np.ndarray":
    """Which samples are exported, (n,) bool: those that are active, and those that wait for a label."""
    labels = project.labels
    return labels.active | project.dataset.task.targets.bare(labels.values)


def _decided(project: Exported) -> dict[str, Any]:
    import numpy as np

    n = len(project.dataset)
    states = project.states()
    verdict = np.full(n, "", dtype=object)
    verdict[states.index.to_numpy()] = states["verdict"].to_numpy()
    found: dict[str, Any] = {"verdict": verdict, "dropped": ~kept(project)}
    marks = project.marks()
    if len(marks):
        rows = marks.index.to_numpy()
        found["tags"] = [[] for _ in range(n)]
        for row, tags in zip(rows, marks["tags"], strict=True):
            found["tags"][row] = list(tags)
        found["note"] = _spread(n, rows, marks["note"].to_numpy(dtype=object), "")
        found["unsure"] = _spread(n, rows, marks["unsure"].to_numpy(dtype=object), False).astype(bool)
    return found


def _suspected(project: Exported) -> dict[str, Any]:
    """From the newest search for wrong labels, and the kinds that follow from it."""
    flags = project.flags()
    if flags is None:
        return {}
    n = len(project.dataset)
    found = flags.detectors
    rows = found["row"].to_numpy()
    targets = project.dataset.task.targets
    columns = {
        "suspicion": _spread(n, rows, found["suspicion"].to_numpy(dtype=float), float("nan")),
        "position": _spread(n, rows, found["position"].to_numpy(dtype=float), float("nan")),
    }
    if "suggested" in found:
        columns["suggested"] = _spread(n, rows, targets.words(found["suggested"].to_numpy()), "")
    kinds = project.categories()
    if kinds is not None:
        columns["kind"] = _spread(n, kinds.table["row"].to_numpy(), kinds.table["category"].to_numpy(), "")
    return columns


def _related(project: Exported) -> dict[str, Any]:
    """Copies of each sample, by their ids, from the newest search for leaks."""
    result = project.leaks()
    if result is None:
        return {}
    ids = project.dataset.ids
    found: dict[str, list[list[str]]] = {"leak": [], "duplicate": []}
    for relation, column in found.items():
        column += [[] for _ in range(len(ids))]
        for case in result.cases(project.labels.values, relation=relation).itertuples():
            _note_copies(column, case.rows, case.others, ids)
            _note_copies(column, case.others, case.rows, ids)
    return found


def _note_copies(
    column: list[list[str]], rows: "tuple[int, ...]", others: "tuple[int, ...]", ids: "np.ndarray"
) -> None:
    for row in rows:
        column[row] += [str(ids[other]) for other in others if other != row and str(ids[other]) not in column[row]]


def _memorized(project: Exported) -> dict[str, Any]:
    newest = next(iter(project.memorizations()), None)
    if newest is None:
        return {}
    table = newest.samples
    values = table["memorization"].to_numpy(dtype=float)
    return {"memorization": _spread(len(project.dataset), table["row"].to_numpy(), values, float("nan"))}


def _said(project: Exported) -> dict[str, Any]:
    """What the current model answers."""
    if project.run is None:
        return {}
    found = project.predictions()
    targets = project.dataset.task.targets
    columns: dict[str, Any] = {"prediction": targets.words(found["prediction"].to_numpy())}
    for name in ("confidence", "p_label", "loss", "correct", "error"):
        if name in found and found[name].notna().any():
            columns[name] = found[name].to_numpy()
    return columns


def _spread(n: int, rows: "np.ndarray", values: Any, usual: Any) -> "np.ndarray":
    """``values`` of these rows as (n,), ``usual`` elsewhere."""
    import numpy as np

    values = np.asarray(values)
    column = np.full(n, usual, dtype=float if values.dtype.kind == "f" else object)
    column[rows] = values
    return column
