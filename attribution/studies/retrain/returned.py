"""What a script left in its folder: predictions of the test samples, or weights of the project's network."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.errors import UserError
from attribution.storage.files import damage
from attribution.tasks.answered import as_outputs, bare, check_width

if TYPE_CHECKING:
    import pandas as pd

    from attribution.datasets.dataset import Dataset

TABLES = ("predictions.parquet", "predictions.csv", "predictions.npy")
WEIGHTS = (".safetensors", ".pt", ".pth", ".ckpt", ".bin")
IDS = ("id", "datablame_id", "file")
BESIDE = (*IDS, "row", "label", "split", "seed", "correct")  # what people write beside a prediction
LISTS = ("probabilities", "pred_probs", "logits", "outputs", "prediction", "predictions")
LOGITS = ("logit", "output")


@dataclass(frozen=True)
class Wanted:
    """The samples that predictions are about: ``test`` rows (n,) that are needed, and ``exported``, the test rows in
    the order in which they stand in what was handed out; ``files`` are other names of rows."""

    dataset: "Dataset"
    test: np.ndarray
    exported: np.ndarray
    files: dict[str, int]


def found(out: Path) -> tuple[Path | None, list[Path]]:
    """The predictions in a folder, else the weights, oldest first by name; ``UserError`` for neither."""
    for name in TABLES:
        if (out / name).is_file():
            return out / name, []
    weights = sorted((one for one in out.iterdir() if _is_weights(one)), key=lambda one: (_number(one.stem), one.name))
    if weights:
        return None, weights
    there = ", ".join(sorted(one.name for one in out.iterdir())[:5]) or "nothing"
    raise UserError(
        f"The script ended well, and left {there} in {{out}} ({out}).",
        "Its answer is looked for there.",
        f"Write {TABLES[0]} (id and a column per class) or {TABLES[2]}, or save the model as model.safetensors or "
        "model.pt (its state_dict).",
    )


def _is_weights(path: Path) -> bool:
    return path.is_file() and path.suffix in WEIGHTS


def _number(stem: str) -> int:
    """The number in a name such as epoch-12; one without is the last."""
    digits = "".join(sign if sign.isdigit() else " " for sign in stem).split()
    return int(digits[-1]) if digits else 1 << 62


def predictions(path: Path, wanted: Wanted) -> np.ndarray:
    """The model's outputs for every row of the data (N, c) float64, NaN where nothing was said, from a file."""
    with damage(path):
        if path.suffix == ".npy":
            return outputs(np.load(path, allow_pickle=False), wanted, path.name)
        import pandas as pd

        kinds = dict.fromkeys(IDS, str)
        frame = pd.read_csv(path, dtype=kinds) if path.suffix == ".csv" else pd.read_parquet(path)  # type: ignore[arg-type]
    return outputs(frame, wanted, path.name)


def outputs(said: Any, wanted: Wanted, name: str) -> np.ndarray:
    """The same from a table with ids, or from an array ``(n,)`` or ``(n, c)`` whose lines are the test samples in the
    order of what was handed out."""
    if hasattr(said, "columns"):
        ids, values, logits = _of_table(said, wanted.dataset, name)
    else:
        ids = logits = None
        values = np.asarray(said, dtype=np.float64)
    values = values.reshape(len(values), -1)
    dataset = wanted.dataset
    rows = _rows(ids, len(values), wanted, name)
    _check_samples(rows, wanted, name)
    check_width(dataset.task, dataset.info, values.shape[1], name)
    lines = np.zeros(len(dataset), dtype=np.int64)  # of each row
    lines[rows[rows >= 0]] = np.flatnonzero(rows >= 0)
    asked = values[lines[wanted.test]]
    _check_finite(asked, wanted, name)
    answers = as_outputs(dataset.task, dataset.info, asked, logits, name)
    filled = np.full((len(dataset), answers.shape[1]), np.nan)
    filled[wanted.test] = answers
    return filled


def _of_table(frame: "pd.DataFrame", dataset: "Dataset", name: str) -> tuple[list[str] | None, np.ndarray, bool | None]:
    """Ids, values (n, c), and whether they are called logits (None: not said)."""
    own = next((each for each in IDS if each in frame), None)
    ids = None if own is None else [str(each) for each in frame[own]]
    frame = frame.rename(columns=str)
    others = [each for each in frame.columns if each not in BESIDE and not each.startswith("Unnamed")]
    nested = [each for each in others if each in LISTS and _holds_lists(frame[each])]
    if nested:
        return ids, np.array(frame[nested[0]].tolist(), dtype=np.float64), nested[0].startswith(LOGITS)
    numbers = [each for each in others if frame[each].dtype.kind in "iuf"]
    classes = dataset.task.targets.names()
    called = {bare(each, classes): each for each in numbers}
    columns = [called[each] for each in classes] if classes and set(classes) <= set(called) else numbers
    if not columns:
        raise UserError(
            f"{name} has the columns {', '.join(map(str, frame.columns))}.",
            "None of them holds a prediction.",
            f"Write a column per class ({', '.join(classes[:4])}), or one called prediction for a number.",
        )
    told = True if all(each.startswith(LOGITS) for each in columns) else None
    return ids, frame[columns].to_numpy(dtype=np.float64), told


def _holds_lists(column: "pd.Series") -> bool:
    return len(column) > 0 and hasattr(column.iloc[0], "__len__") and not isinstance(column.iloc[0], str)


def _rows(ids: list[str] | None, count: int, wanted: Wanted, name: str) -> np.ndarray:
    """The row of each line (m,), -1 for a sample that the project does not hold."""
    dataset = wanted.dataset
    if ids is not None:
        rows = dataset.find(ids)
        return np.array([wanted.files.get(each, -1) if row < 0 else row for each, row in zip(ids, rows, strict=True)])
    for some in (wanted.exported, wanted.test):
        if count == len(some):
            return some
    raise UserError(
        f"{name} has {count:,} lines and no ids.",
        f"There are {len(wanted.exported):,} test samples in what was handed to the script.",
        "Write a line for each of them in their order, or a table with a column id.",
    )


def _check_samples(rows: np.ndarray, wanted: Wanted, name: str) -> None:
    """``UserError`` for a test sample without a line, or with two."""
    ids = wanted.dataset.ids
    known = rows[rows >= 0]
    missing = wanted.test[~np.isin(wanted.test, known)]
    if len(missing):
        raise UserError(
            f"{name} says nothing of {ids[missing[0]]} ({len(missing):,} of {len(wanted.test):,} test samples).",
            "Before and after are compared on all of them.",
            "Predict every sample whose split is test in {labels}, and write its id as it stands there.",
        )
    twice = np.flatnonzero(np.bincount(known) > 1)
    if len(twice):
        raise UserError(
            f"{name} has {ids[twice[0]]} more than once.", "Which of them counts is not known.", "Write each id once."
        )


def _check_finite(asked: np.ndarray, wanted: Wanted, name: str) -> None:
    bad = np.flatnonzero(~np.isfinite(asked).all(axis=1))
    if len(bad):
        first = wanted.dataset.ids[wanted.test[bad[0]]]
        raise UserError(
            f"{name} says NaN or infinity of {first} ({len(bad):,} of {len(wanted.test):,} samples).",
            "Nothing can be compared with it.",
            "Look for a division by 0 or a diverged training in the script.",
        )
