"""The corrected data as an archive of arrays, as the import read one."""

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.errors import UserError
from attribution.exporters import register
from attribution.exporters._known import kept
from attribution.exporters.base import Exported, Exporter
from attribution.tasks.targets import NOTHING, parts_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@register("npz")
class ArchiveExport(Exporter):
    """The same arrays with the labels as decided and without the dropped samples; everything else is as it was.

    ``y`` keeps its type (numbers stay numbers, one-hot stays one-hot, names stay names), and ``datablame_index`` (with
    the same ending) gives the place of each sample in your own array.
    """

    title = "Corrected archive"
    summary = (
        "Your .npz with the same arrays: y as decided, the dropped samples taken out of X and y, and "
        "datablame_index, the place of each in your own arrays."
    )
    file = "corrected.npz"
    group = "data"
    formats = (".npz",)

    def missing(self, project: Exported) -> str:
        path = Path(project.data_config.path).expanduser()
        if path.suffix.lower() != ".npz":
            return "The data did not come from an .npz archive."
        return "" if path.is_file() else f"{path.name} is not where it was imported from."

    def size(self, project: Exported) -> int:
        path = Path(project.data_config.path).expanduser()
        return path.stat().st_size if path.is_file() else 0

    def table(self, project: Exported) -> "pd.DataFrame":
        raise NotImplementedError("arrays are no table")

    def write(self, project: Exported, path: Path, suffix: str) -> None:
        import numpy as np

        own = Path(project.data_config.path).expanduser()
        with zipfile.ZipFile(own) as archive:
            packed = any(one.compress_type for one in archive.infolist())
        with np.load(own, allow_pickle=False) as archive:
            arrays = corrected(project, {name: archive[name] for name in archive.files})
        with open(path, "wb") as stream:
            (np.savez_compressed if packed else np.savez)(stream, **arrays)


def corrected(project: Exported, arrays: dict[str, Any]) -> dict[str, Any]:
    """The arrays of the archive as they should be now."""
    import numpy as np

    found = dict(arrays)
    splits = [name for name in ("train", "val", "test") if f"y_{name}" in arrays]
    for split in splits or [""]:
        ending = f"_{split}" if split else ""
        y = arrays[f"y{ending}"]
        rows = project.dataset.find([f"{split or 'row'}-{place:05d}" for place in range(len(y))])
        _check(project, y, rows, f"y{ending}")
        there = np.flatnonzero(rows >= 0)
        wanted = np.ones(len(y), dtype=bool)
        wanted[there] = kept(project)[rows[there]]
        for name in (f"X{ending}", f"x{ending}"):
            if name in arrays:
                found[name] = arrays[name][wanted]
        found[f"y{ending}"] = _labels(project, y, rows, arrays.get("classes"))[wanted]
        found[f"datablame_index{ending}"] = np.flatnonzero(wanted)
    return found


def _check(project: Exported, y: "np.ndarray", rows: "np.ndarray", name: str) -> None:
    """The archive must still be as long as it was."""
    split = name.removeprefix("y").removeprefix("_")
    there = project.dataset.rows(split) if split else project.dataset.rows("all")
    if len(set(there.tolist()) - set(rows.tolist())):
        raise UserError(
            f"{name} of {Path(project.data_config.path).name} has {len(y):,} labels, fewer than were imported.",
            "The archive was changed since, and samples would be taken for others.",
            "Put the archive of the import back, or export the corrected table instead.",
        )


def _labels(project: Exported, y: "np.ndarray", rows: "np.ndarray", classes: "np.ndarray | None") -> "np.ndarray":
    """``y`` with today's labels where they differ from the imported ones."""
    targets = project.dataset.task.targets
    now = project.labels.values
    changed = [
        at for at, row in enumerate(rows) if row >= 0 and not targets.same(now[row], project.dataset.labels[row])
    ]
    words = {at: targets.word(now[rows[at]]) for at in changed}
    names = [str(name) for name in classes.ravel()] if classes is not None else None
    longest = max((len(word) for word in words.values()), default=0)
    found = y.astype(f"<U{max(longest, y.dtype.itemsize // 4)}") if y.dtype.kind == "U" else y.copy()
    for at, word in words.items():
        found[at] = _as_before(word, y, names)
    return found


def _as_before(word: str, y: "np.ndarray", names: list[str] | None) -> Any:
    """A label in the way of the array: a row of zeros and ones, an index into ``classes``, a number, or a name."""
    import numpy as np

    if y.ndim == 2 and y.shape[1] > 1:
        columns = names or [str(place) for place in range(y.shape[1])]
        chosen = [] if word == NOTHING else [columns.index(name) for name in parts_of(word)]
        return np.isin(np.arange(y.shape[1]), chosen).astype(y.dtype)
    if y.dtype.kind == "U":
        return word
    if y.dtype.kind == "S":
        return word.encode()
    if y.dtype.kind == "b":
        return word in ("1", "True")
    value = names.index(word) if names and word in names else float(word)
    return y.dtype.type(value)
