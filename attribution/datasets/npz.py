"""Read NumPy archives: X and y, or X_train, y_train and the same for val and test; images or tables."""

import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attribution.config import DataConfig
from attribution.datasets.source import Source, listed
from attribution.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

KEYS = "Save X (n, height, width[, 3]) or (n, features) and y (n,), or X_train, y_train, X_test, y_test; np.savez(file, X=X, y=y)."


def read(config: DataConfig) -> Source:
    """The arrays of an archive (never unpickled). ``X`` of three or four dimensions are images, of two a table; ``classes`` (c,) may name
    the classes that integer labels index. Ids are ``train-00017`` (position in that split's array) or ``row-00017`` for one X.

    Memory: the arrays as stored. Raises ``UserError`` for missing keys, wrong shapes, values out of range and missing values.
    """
    import pandas as pd

    path = Path(config.path).expanduser()
    arrays = _arrays(path)
    parts = [("", "X", "y")] if "X" in arrays else [(split, f"X_{split}", f"y_{split}") for split in ("train", "val", "test")]
    parts = [part for part in parts if part[1] in arrays or part[2] in arrays]
    if not parts or parts[0][0] not in ("", "train"):
        raise UserError(f"{path.name} holds {listed(sorted(arrays)) or 'nothing'}.", "The training samples are not among them.", KEYS)
    names = tuple(str(name) for name in arrays["classes"]) if "classes" in arrays else ()
    blocks: list[np.ndarray] = []
    lines: list[tuple[str, str, str, str]] = []
    for split, x_key, y_key in parts:
        for key in (x_key, y_key):
            if key not in arrays:
                raise UserError(f"{path.name} has no array {key}.", f"It holds {listed(sorted(arrays))}.", KEYS)
        x = _content(arrays[x_key], x_key, path)
        y = _labels(arrays[y_key], y_key, len(x), names, path)
        if blocks and x.shape[1:] != blocks[0].shape[1:]:
            raise UserError(
                f"{x_key} of {path.name} has samples of shape {x.shape[1:]}, {parts[0][1]} of {blocks[0].shape[1:]}.",
                "One model takes one shape.",
                "Make them equal.",
            )
        blocks.append(x)
        lines += [(f"{split or 'row'}-{i:05d}", y[i], split, f"{x_key}[{i}]") for i in range(len(x))]
    samples = pd.DataFrame(lines, columns=["id", "label", "split", "source"])
    ends = np.cumsum([len(block) for block in blocks])

    def pixels(i: int) -> np.ndarray:
        block = int(np.searchsorted(ends, i, side="right"))
        return blocks[block][i - (ends[block] - len(blocks[block]))]

    if blocks[0].ndim == 2:
        return Source("tabular", path, _with_columns(samples, np.concatenate(blocks)), names, seen=len(samples))
    shape = blocks[0].shape[1:]
    return Source("image", path, samples, names, [], lambda i: (shape[0], shape[1], shape[2]), pixels, len(samples))


def _arrays(path: Path) -> dict[str, np.ndarray]:
    if not zipfile.is_zipfile(path):
        raise UserError(f"{path.name} is not a NumPy archive, or is cut short.", "It cannot be read.", KEYS)
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except ValueError as cause:
        raise UserError(
            f"{path.name} holds Python objects.",
            "Unpickling a file can run any code, so it is not done.",
            "Save plain arrays of numbers or strings.",
        ) from cause
    except (EOFError, OSError, zipfile.BadZipFile, zlib.error) as cause:
        raise UserError(f"{path.name} is damaged.", f"It cannot be read: {cause}.", "Write it again.") from cause


def _content(x: np.ndarray, key: str, path: Path) -> np.ndarray:
    """Images as uint8 (n, h, w, c), tables as float64 (n, d)."""
    if x.ndim not in (2, 3, 4) or 0 in x.shape or x.dtype.kind not in "uifb":
        raise UserError(f"{key} of {path.name} has shape {x.shape} and type {x.dtype}.", "That is neither images nor a table.", KEYS)
    if x.dtype.kind == "f":
        bad = np.argwhere(~np.isfinite(x))
        if len(bad):
            raise UserError(
                f"{key}[{bad[0][0]}] of {path.name} has no number at position {tuple(int(part) for part in bad[0][1:])}.",
                "A model cannot learn from a missing value.",
                "Fill it in or remove the sample.",
            )
    if x.ndim == 2:
        return x.astype(np.float64)
    x = x[..., None] if x.ndim == 3 else x
    if x.shape[3] not in (1, 3):
        hint = " The channel comes last: use X.transpose(0, 2, 3, 1)." if x.shape[1] in (1, 3) else ""
        raise UserError(f"{key} of {path.name} has {x.shape[3]} channels.", "Images have 1 (grey) or 3 (colour).", f"Reshape it.{hint}")
    low, high = float(x.min()), float(x.max())
    if low < 0 or high > 255 or (x.dtype.kind == "b"):
        raise UserError(
            f"{key} of {path.name} has values from {low:g} to {high:g} ({x.dtype}).",
            "Images are 0..255, or 0..1 as floating point.",
            "Scale them first.",
        )
    if x.dtype.kind == "f":
        return np.round(x * 255 if high <= 1 else x).astype(np.uint8)
    return x.astype(np.uint8)


def _labels(y: np.ndarray, key: str, n: int, names: tuple[str, ...], path: Path) -> list[str]:
    if y.shape != (n,):
        hint = " One-hot labels: save y.argmax(1)." if y.ndim == 2 else ""
        raise UserError(
            f"{key} of {path.name} has shape {y.shape} for {n:,} samples.", "There is one label per sample.", f"Make it ({n},).{hint}"
        )
    if y.dtype.kind in "US":
        return [value.decode() if isinstance(value, bytes) else str(value) for value in y]
    if y.dtype.kind == "f":
        bad = np.flatnonzero(~(np.isfinite(y) & (y == np.floor(y))))
        if len(bad):
            raise UserError(f"{key}[{bad[0]}] of {path.name} is {y[bad[0]]}.", "A label is a whole number or a name.", "Correct it.")
    numbers = [int(value) for value in y]
    if not names:
        return [str(value) for value in numbers]
    for i, value in enumerate(numbers):
        if not 0 <= value < len(names):
            raise UserError(
                f"{key}[{i}] of {path.name} is {value}, but there are {len(names)} classes.",
                "Its name is unknown.",
                f"Use 0 to {len(names) - 1}.",
            )
    return [names[value] for value in numbers]


def _with_columns(samples: "pd.DataFrame", values: np.ndarray) -> "pd.DataFrame":
    import pandas as pd

    return pd.concat([samples, pd.DataFrame(values, columns=[f"col:x{j}" for j in range(values.shape[1])])], axis=1)
