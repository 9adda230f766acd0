"""Read NumPy archives: X and y, or X_train, y_train and the same for val and test; images or tables."""

import math
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.arrays import OR_NUMBERS, as_numbers, in_blocks, said_of_numbers, why_numbers
from attribution.datasets.labels import kept_without_label, label_word, label_words, no_label, without_label
from attribution.datasets.readers import register
from attribution.datasets.readers.base import Reader
from attribution.datasets.sizes import check_memory
from attribution.datasets.source import Source, left_out, listed, note
from attribution.errors import UserError
from attribution.settings.configs import DataConfig
from attribution.tasks.choice import chosen
from attribution.tasks.targets import NOTHING, SEPARATOR

if TYPE_CHECKING:
    import pandas as pd

KEYS = (
    "Save X (n, height, width[, 3]) or (n, features) and y (n,), or X_train, y_train, X_test, y_test; "
    "np.savez(file, X=X, y=y)."
)


@register("npz")
class Archive(Reader):
    """Arrays of pictures or of a table."""

    title = "an archive of arrays"
    summary = f"A NumPy archive of pictures or of a table. {KEYS}"
    suffixes = (".npz",)

    def sniff(self, path: Path, folder: bool) -> int:
        return super().sniff(path, folder) if not path.is_file() or path.stat().st_size else 0

    def read(self, config: DataConfig) -> Source:
        return read(config)


def read(config: DataConfig) -> Source:
    """The arrays of an archive (never unpickled). ``X`` of two dimensions is a table, of more images, or numbers where
    they can be no images; ``classes`` (c,) may name the classes that integer labels index. Ids are ``train-00017``
    (position in that split's array) or ``row-00017`` for one X. Samples without a label (NaN, an empty word) are left
    out and listed, and so are arrays that are not asked for.

    Memory: the arrays as stored, known from their headers; more than ``max_gigabytes`` is refused before any is read.
    Raises ``UserError`` for missing keys, wrong shapes, values out of range and missing values.
    """
    path = Path(config.path).expanduser()
    stored = _headers(path)
    called = {_called(key, set(stored)): key for key in stored}
    headers = {name: stored[key] for name, key in called.items()}
    parts = _parts(headers, path)
    wanted = [key for _, x_key, y_key in parts for key in (x_key, y_key)] + ["classes"] * ("classes" in headers)
    problems = [
        left_out(f"array {key}", "none of the arrays that are read", 0) for key in sorted(set(headers) - set(wanted))
    ]
    arrays = _arrays(path, headers, {key: called[key] for key in wanted if key in called}, config.max_gigabytes)
    names = tuple(_name(name, path) for name in arrays["classes"].ravel()) if "classes" in arrays else ()
    several = chosen(config).kind == "set"
    inputs = [arrays[x_key] for _, x_key, _ in parts if x_key in arrays]
    why = next((why for x in inputs if (why := why_numbers(x, config.arrays))), "")
    taken = _Taken(numbers=bool(why))
    problems += [note(f"array {parts[0][1]}", said_of_numbers(why))] if why else []
    for split, x_key, y_key in parts:
        for key in (x_key, y_key):
            if key not in arrays:
                raise UserError(f"{path.name} has no array {key}.", f"It holds {listed(sorted(arrays))}.", KEYS)
        x = arrays[x_key]
        x = as_numbers(x, f"{x_key} of {path.name}") if why else _content(x, x_key, path, problems, config.missing)
        y, kept = _labels(arrays[y_key], y_key, x.shape, names, path, problems, several)
        if taken.blocks and x.shape[1:] != taken.blocks[0].shape[1:]:
            raise UserError(
                f"{x_key} of {path.name} has samples of shape {x.shape[1:]}, {parts[0][1]} of "
                f"{taken.blocks[0].shape[1:]}.",
                "One model takes one shape.",
                "Make them equal.",
            )
        # Held-out samples without a label can judge nothing.
        taken.add(split, x_key, x, y, kept, config.unlabelled == "keep" and split in ("", "train"))
    return taken.source(path, names, problems)


def _parts(headers: Collection[str], path: Path) -> list[tuple[str, str, str]]:
    """Split, name of its inputs and name of its labels: one part without a split for X and y."""
    parts = [(split, f"X_{split}", f"y_{split}") for split in ("train", "val", "test")]
    parts = [("", "X", "y")] if "X" in headers else [part for part in parts if part[1] in headers or part[2] in headers]
    if not parts or parts[0][0] not in ("", "train"):
        raise UserError(
            f"{path.name} holds {listed(sorted(headers)) or 'nothing'}.",
            "The training samples are not among them.",
            KEYS,
        )
    return parts


@dataclass
class _Taken:
    """The samples of an archive, part by part."""

    blocks: list[np.ndarray] = field(default_factory=list)
    lines: list[tuple[str, Any, str, str]] = field(default_factory=list)  # id, label, split and source
    seen: int = 0
    gone: list[str] = field(default_factory=list)  # without a label, left out
    waiting: list[str] = field(default_factory=list)  # without a label, kept
    numbers: bool = False  # of a shape: neither pictures nor a table

    def add(self, split: str, x_key: str, x: np.ndarray, y: np.ndarray, labelled: np.ndarray, keep: bool) -> None:
        """Take a part's inputs (n, ...) and labels (n,); those without a label as well if ``keep``."""
        bare = [f"{x_key}[{i}]" for i in np.flatnonzero(~labelled)]
        if keep:
            self.waiting += bare
            y = np.where(labelled, y, "").astype(object)
        else:
            self.gone += bare
        kept = np.ones(len(x), dtype=bool) if keep else labelled
        self.seen += len(x)
        self.blocks.append(x if kept.all() else x[kept])
        self.lines += [(f"{split or 'row'}-{i:05d}", y[i], split, f"{x_key}[{i}]") for i in np.flatnonzero(kept)]

    def source(self, path: Path, names: tuple[str, ...], problems: list[dict[str, Any]]) -> Source:
        """All parts together, as pictures or as a table."""
        import pandas as pd

        samples = pd.DataFrame(self.lines, columns=["id", "label", "split", "source"])
        problems = [*problems, *without_label(self.gone), *kept_without_label(self.waiting)]
        if self.blocks[0].ndim == 2:
            table = _with_columns(samples, np.concatenate(self.blocks))
            return Source("tabular", path, table, names, problems, seen=self.seen)
        at = in_blocks(self.blocks)
        if self.numbers:
            return Source("array", path, samples, names, problems, seen=self.seen, values=at)
        height, width, channels = self.blocks[0].shape[1:]
        pixels = at
        return Source("image", path, samples, names, problems, lambda i: (height, width, channels), pixels, self.seen)


def _name(name: Any, path: Path) -> str:
    word, why = label_word(name.item() if isinstance(name, np.generic) else name)
    if why or not word:
        raise UserError(
            f"A name in classes of {path.name} {why or 'is empty'}.",
            "Classes are told apart by their names.",
            "Name every class.",
        )
    return word


def _headers(path: Path) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """Shape and type of every array, without reading one."""
    if not zipfile.is_zipfile(path):
        raise UserError(f"{path.name} is not a NumPy archive, or is cut short.", "It cannot be read.", KEYS)
    found = {}
    with _reading(path), zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.flag_bits & 1:
                raise UserError(
                    f"{info.filename} in {path.name} is encrypted.",
                    "It cannot be read.",
                    "Save the archive without a password.",
                )
            if info.compress_type not in (
                zipfile.ZIP_STORED,
                zipfile.ZIP_DEFLATED,
                zipfile.ZIP_BZIP2,
                zipfile.ZIP_LZMA,
            ):
                raise UserError(
                    f"{info.filename} in {path.name} is compressed in a way that is not known here (number "
                    f"{info.compress_type}).",
                    "It cannot be read.",
                    "Save it with np.savez_compressed.",
                )
            if not info.filename.endswith(".npy"):
                continue
            if info.filename.removesuffix(".npy") in found:
                raise UserError(
                    f"{path.name} holds {info.filename} twice.",
                    "Which one is meant cannot be told.",
                    "Save the archive anew with np.savez.",
                )
            with archive.open(info) as stream:
                version = np.lib.format.read_magic(stream)
                reader = (
                    np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                )
                shape, _, kind = reader(stream)
            if kind.hasobject:
                raise UserError(
                    f"{info.filename} in {path.name} holds Python objects.",
                    "Unpickling a file can run any code, so it is not done.",
                    "Save plain arrays of numbers or strings.",
                )
            found[info.filename.removesuffix(".npy")] = (shape, kind)
    return found


def _arrays(
    path: Path, headers: dict[str, tuple[tuple[int, ...], np.dtype]], wanted: dict[str, str], max_gigabytes: float
) -> dict[str, np.ndarray]:
    total = sum(math.prod(headers[key][0]) * headers[key][1].itemsize for key in wanted)
    rows = sum(headers[key][0][0] for key in wanted if key.startswith("y") and headers[key][0])
    check_memory(path, rows, 0, total, max_gigabytes)
    with _reading(path), np.load(path, allow_pickle=False) as archive:
        return {key: archive[name] for key, name in wanted.items()}


def _called(key: str, keys: set[str]) -> str:
    """The name under which an array is looked for: x_train, as Keras saves it, is X_train."""
    large = f"X{key[1:]}"
    return large if key in ("x", "x_train", "x_val", "x_test") and large not in keys else key


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turns what a damaged archive raises into words."""
    try:
        yield
    except UserError:
        raise
    except (
        EOFError,
        OSError,
        ValueError,
        NotImplementedError,
        RuntimeError,
        KeyError,
        SyntaxError,
        TypeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as cause:
        raise UserError(f"{path.name} is damaged.", f"It cannot be read: {cause}.", "Write it again.") from cause


def _content(x: np.ndarray, key: str, path: Path, problems: list[dict[str, Any]], missing: str) -> np.ndarray:
    """Images as uint8 (n, h, w, c), tables as float64 (NaN where ``missing`` fills it in) or whole numbers (n, d); what
    became of pictures' values is said in ``problems``."""
    if x.ndim not in (2, 3, 4) or 0 in x.shape or x.dtype.kind not in "uifb":
        raise UserError(
            f"{key} of {path.name} has shape {x.shape} and type {x.dtype}.", "That is neither images nor a table.", KEYS
        )
    if x.dtype.kind == "f":
        fills = x.ndim == 2 and missing != "refuse"
        bad = np.argwhere(np.isinf(x) if fills else ~np.isfinite(x))
        if len(bad):
            raise UserError(
                f"{key}[{bad[0][0]}] of {path.name} has no number at position "
                f"{tuple(int(part) for part in bad[0][1:])}.",
                "A model cannot learn from a missing value.",
                "Fill it in or remove the sample.",
            )
    if x.ndim == 2:
        return _double(x, key, path) if x.dtype.kind == "f" else x if x.dtype == np.uint64 else x.astype(np.int64)
    return _pixels(x[..., None] if x.ndim == 3 else x, key, path, problems)


def _pixels(x: np.ndarray, key: str, path: Path, problems: list[dict[str, Any]]) -> np.ndarray:
    """Pictures (n, h, w, c) as uint8."""
    if x.shape[3] not in (1, 3):
        hint = " The channel comes last: use X.transpose(0, 2, 3, 1)." if x.shape[1] in (1, 3) else ""
        raise UserError(
            f"{key} of {path.name} has {x.shape[3]} channels.",
            "Images have 1 (grey) or 3 (colour).",
            f"Reshape it.{hint} {OR_NUMBERS}",
        )
    low, high = float(x.min()), float(x.max())
    if low < 0 or high > 255 or x.dtype.kind == "b":
        raise UserError(
            f"{key} of {path.name} has values from {low:g} to {high:g} ({x.dtype}).",
            "Images are 0..255, or 0..1 as floating point.",
            f"Scale them first. {OR_NUMBERS}",
        )
    if x.dtype.kind == "f" and 1 < high < 32 and (x != np.round(x)).any():
        raise UserError(
            f"{key} of {path.name} has values with fractions up to {high:g}.",
            "Images are 0..255, or 0..1 as floating point; read as 0..255, hardly a grey level would be left of these.",
            f"Scale them first: {key} / {key}.max(). {OR_NUMBERS}",
        )
    problems += _as_pictures(x, key, low, high)
    if x.dtype.kind == "f":
        return np.round(x * 255 if high <= 1 else x).astype(np.uint8)
    return x.astype(np.uint8)


def _as_pictures(x: np.ndarray, key: str, low: float, high: float) -> list[dict[str, Any]]:
    """What becomes of values that are not 8 bits, or that use little of them."""
    lines = []
    if x.dtype.kind == "f":
        unit = "0..1" if high <= 1 else "0..255"
        lines.append(note(f"array {key}", f"{x.dtype} values were taken as {unit} and are kept in 256 steps"))
    elif x.dtype.itemsize > 1:
        lines.append(note(f"array {key}", f"{x.dtype} values from {low:g} to {high:g} were taken as 0..255"))
    if (high if x.dtype.kind != "f" or high > 1 else 255 * high) - low < 25.5:
        lines.append(
            note(
                f"array {key}",
                f"its values run from {low:g} to {high:g}: the pictures use under a tenth of the range, and are "
                "nearly of one shade",
            )
        )
    return lines


def _double(x: np.ndarray, key: str, path: Path) -> np.ndarray:
    """float64; ``UserError`` for wider numbers beyond it."""
    with np.errstate(over="ignore"):
        double = x.astype(np.float64)
    bad = np.argwhere(np.isinf(double))
    if len(bad):
        raise UserError(
            f"{key}[{bad[0][0]}] of {path.name} is {x[tuple(bad[0])]} in column x{bad[0][1]}.",
            "It is beyond the largest number of 64 bits.",
            "Scale the column first, for example by its logarithm.",
        )
    return double


def _labels(
    y: np.ndarray,
    key: str,
    shape: tuple[int, ...],
    names: tuple[str, ...],
    path: Path,
    problems: list[dict[str, Any]],
    several: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Labels as text (n,) and which samples have one (n,) bool."""
    import pandas as pd

    if several and y.ndim == 2 and len(y) == shape[0]:
        return _sets(y, key, names, path), np.ones(len(y), dtype=bool)
    y = _one_per_sample(y, key, shape, path, problems)
    if y.dtype.kind not in "USbiuf":
        what = "dates" if y.dtype.kind in "mM" else f"values of the type {y.dtype}"
        raise UserError(
            f"{key} of {path.name} holds {what}.",
            "A label is a whole number or a name.",
            "Save class names or numbers.",
        )
    values = pd.Series(y.astype(np.int64) if y.dtype.kind == "b" else y)
    words, gone, bad = label_words(values)
    if bad is not None:
        raise no_label(f"{key}[{bad[0]}] of {path.name}", bad[1])
    if names and y.dtype.kind not in "US":
        for i in np.flatnonzero(~gone):
            number = float(y[i])
            if not (number.is_integer() and 0 <= number < len(names)):
                raise UserError(
                    f"{key}[{i}] of {path.name} is {words[i]}, but there are {len(names)} classes.",
                    "Its name is unknown.",
                    f"Use 0 to {len(names) - 1}.",
                )
            words[i] = names[int(number)]
    return words, ~gone


def _sets(y: np.ndarray, key: str, names: tuple[str, ...], path: Path) -> np.ndarray:
    """Words of the sets that zeros and ones (n, labels) stand for; columns are called by ``names``, else by number."""
    names = names or tuple(map(str, range(y.shape[1])))
    if len(names) != y.shape[1]:
        raise UserError(
            f"{key} of {path.name} has {y.shape[1]} columns for {len(names)} classes.",
            "Each column is one label.",
            "Name as many.",
        )
    bad = np.argwhere(~np.isin(y, (0, 1)))
    if len(bad):
        row, column = bad[0]
        raise UserError(
            f"{key}[{row}] of {path.name} has {y[row, column]} in column {column}.",
            "A label holds (1) or does not (0).",
            "Save zeros and ones.",
        )
    return np.array([SEPARATOR.join(name for name, yes in zip(names, row, strict=True) if yes) or NOTHING for row in y])


def _one_per_sample(
    y: np.ndarray, key: str, shape: tuple[int, ...], path: Path, problems: list[dict[str, Any]]
) -> np.ndarray:
    """Labels (n,) for inputs of ``shape`` (n, ...), also where they come as one column or one-hot; what was done is
    said."""
    n = shape[0]
    if y.shape == (n,):
        return y
    if y.ndim == 2 and y.shape[0] == n and y.shape[1] > 1 and y.dtype.kind in "biuf":
        if not np.isin(y, (0, 1)).all() or (y.sum(axis=1) != 1).any():
            row = int(np.flatnonzero(~(np.isin(y, (0, 1)).all(axis=1) & (y.sum(axis=1) == 1)))[0])
            raise UserError(
                f"{key}[{row}] of {path.name} is {np.array2string(y[row], threshold=8)}, which is not one class.",
                "There is one label per sample, unless the task says otherwise.",
                f"Save the likeliest class of each sample: {key}.argmax(1), or say --task multilabel.",
            )
        problems.append(
            note(
                f"array {key}",
                f"one-hot labels of {y.shape[1]:,} classes were taken as the classes 0 to {y.shape[1] - 1:,}",
            )
        )
        return y.argmax(axis=1)
    if y.size == n:
        problems.append(note(f"array {key}", f"has shape {y.shape}; its {n:,} values were taken as the labels"))
        return y.ravel()
    do = f"Make it ({n},)."
    if len(y.ravel()) in shape[1:]:
        axis = shape.index(y.size, 1)
        x_key = f"X{key[1:]}"
        do = (
            f"If the samples of {x_key} lie on axis {axis}, which is as long, bring it to the front: "
            f"np.moveaxis({x_key}, {axis}, 0)."
        )
    raise UserError(
        f"{key} of {path.name} has shape {y.shape} for {n:,} samples.", "There is one label per sample.", do
    )


def _with_columns(samples: "pd.DataFrame", values: np.ndarray) -> "pd.DataFrame":
    import pandas as pd

    return pd.concat([samples, pd.DataFrame(values, columns=[f"col:x{j}" for j in range(values.shape[1])])], axis=1)
