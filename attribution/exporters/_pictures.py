"""The pictures of a project as files: where each comes from, and where it goes in the user's own layout."""

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from attribution.datasets.picture_layout import is_picture
from attribution.datasets.words import tidy
from attribution.errors import UserError
from attribution.exporters import _names
from attribution.exporters.base import Exported, inside
from attribution.modalities import modality_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

UNLABELLED = "_unlabelled"  # the folder of pictures that wait for a label


@dataclass(frozen=True)
class Layout:
    """The user's folder of pictures. ``root`` is None where the pictures are no files or are gone; ``by_folder`` says
    that the folders are the labels (else a metadata.csv holds them)."""

    root: Path | None
    by_folder: bool


def pictures_missing(project: Exported) -> str:
    """Why there are no pictures to write; "" where there are."""
    kind = modality_of(project.dataset)
    return "" if kind.files else f"The samples are {kind.title}, not pictures."


def layout(project: Exported) -> Layout:
    """What the folder of the import looks like, if it is still there."""
    root = Path(project.data_config.path).expanduser()
    ids = project.dataset.ids
    if not root.is_dir() or not all(map(is_picture, ids)):
        return Layout(None, True)
    words = project.dataset.task.targets.words(project.dataset.labels)
    by_folder = all(_place(name, word) >= 0 for name, word in zip(ids, words, strict=True) if word)
    return Layout(root, by_folder and not _has_metadata(root, ids))


def _has_metadata(root: Path, ids: "np.ndarray") -> bool:
    """Whether a metadata.csv lies above the pictures: then it holds the labels, whatever the folders are called."""
    above = {str(parent) for name in ids for parent in list(PurePosixPath(name).parents)[-3:]}
    folders = [root / name for name in above if (root / name).is_dir()]
    return any(entry.name.lower() == "metadata.csv" for folder in folders for entry in folder.iterdir())


def _place(name: str, word: str, start: int = 0) -> int:
    """Which part of a path is the class folder; -1 for none."""
    parts = name.split("/")[:-1]
    return next((at for at in range(start, len(parts)) if tidy(parts[at]) == word), -1)


def targets_of(project: Exported, rows: "np.ndarray", found: Layout, facts: "pd.DataFrame") -> dict[int, str]:
    """Where the picture of each row goes, relative to the exported folder: as it lay where its label stands, in the
    folder of its new label where that was changed. No two go to one place, and none leads out."""
    if found.root is None or not found.by_folder:
        return _fresh(rows, facts, found)
    ids = facts["id"].tolist()
    start = _wrapped(ids)
    folders = _folders(ids, facts["given"].tolist(), start)
    names = _names.parts([*facts["label"].unique()])
    taken: set[str] = set()
    moved = facts["label"].to_numpy() != facts["given"].to_numpy()
    where: dict[int, str] = {}
    for row in sorted(rows.tolist(), key=lambda row: bool(moved[row])):  # those that stay have their names first
        given, word = facts["given"].iat[row], facts["label"].iat[row]
        name = ids[row]
        at = _place(name, given, start) if given else -1
        if moved[row] and at >= 0:
            parts = name.split("/")
            parts[at] = folders.get(word, names[word])
            name = "/".join(parts)
        elif moved[row]:
            name = f"{folders.get(word, names[word])}/{name}"
        where[row] = _names.free(_names.path(name), taken, _names.part(given) if moved[row] else "")
    return where


def _wrapped(ids: list[str]) -> int:
    """How many folders lie around all pictures: a single one around the classes is no class."""
    heads = {name.split("/")[0] for name in ids if "/" in name}
    return 1 if len(heads) == 1 and all(name.count("/") > 1 for name in ids) else 0


def _folders(ids: list[str], words: list[str], start: int) -> dict[str, str]:
    """What the folder of each class is called on disk."""
    found: dict[str, str] = {}
    for name, word in zip(ids, words, strict=True):
        if word and word not in found and (at := _place(name, word, start)) >= 0:
            found[word] = name.split("/")[at]
    return found


def _fresh(rows: "np.ndarray", facts: "pd.DataFrame", found: Layout) -> dict[int, str]:
    """SPLIT/CLASS/ID.png for pictures that are no files; as they lie for those with a metadata.csv."""
    taken: set[str] = set()
    if found.root is not None:
        return {int(row): _names.free(_names.path(facts["id"].iat[row]), taken) for row in rows}
    names = _names.parts(facts["label"].unique())
    where = {}
    for row in rows.tolist():
        folder = names[facts["label"].iat[row]] if facts["label"].iat[row] else UNLABELLED
        stem = _names.part(facts["id"].iat[row].replace("/", "_").removesuffix(".png"))
        where[row] = _names.free(f"{facts['split'].iat[row]}/{folder}/{stem}.png", taken)
    return where


def write(project: Exported, folder: Path, where: dict[int, str], found: Layout, link: bool = False) -> None:
    """Write the pictures of these rows to their places below ``folder``: copies (``link``: hard links where the disk
    can) of the user's files, else the pixels that the project holds, as PNG."""
    put = _put_file(project, found.root, link) if found.root is not None else _put_pixels(project)
    for row, name in where.items():
        put(row, inside(folder, name))


def _put_file(project: Exported, root: Path, link: bool) -> Callable[[int, Path], None]:
    ids = project.dataset.ids

    def put(row: int, target: Path) -> None:
        source = root / str(ids[row])
        if not source.is_file() or not source.resolve().is_relative_to(root.resolve()):
            raise UserError(
                f"{source} is not there any more.",
                "It is one of the pictures of this project, which reads its files where they were imported from.",
                "Put it back, or export the corrected table instead, which needs no pictures.",
            )
        if link:
            try:
                os.link(source.resolve(), target)
                return
            except OSError:  # another disk, or one that knows no hard links
                pass
        shutil.copyfile(source, target)
        shutil.copystat(source, target)

    return put


def _put_pixels(project: Exported) -> Callable[[int, Path], None]:
    from attribution.modalities.image import png

    inputs = project.dataset.inputs

    def put(row: int, target: Path) -> None:
        import numpy as np

        pixels = np.asarray(inputs[row])
        target.write_bytes(png(pixels, max(pixels.shape[:2])))

    return put


def reader(project: Exported) -> Callable[[int], dict[str, Any]]:
    """Reads the picture of a row: the ``bytes`` of the user's file, else PNG, and the ``path`` that names it."""
    found = layout(project)
    put = _put_file(project, found.root, False) if found.root is not None else _put_pixels(project)

    def read(row: int) -> dict[str, Any]:
        name = str(project.dataset.ids[row])
        with tempfile.TemporaryDirectory() as folder:
            put(row, Path(folder, "picture"))
            return {"bytes": Path(folder, "picture").read_bytes(), "path": name if is_picture(name) else f"{name}.png"}

    return read


def size(project: Exported, rows: "np.ndarray") -> int:
    """About how many bytes the pictures of these rows have, from some two hundred of them."""
    if not len(rows):
        return 0
    root = Path(project.data_config.path).expanduser()
    names = [str(name) for name in project.dataset.ids[rows[:: max(1, len(rows) // 200)]]]
    if not root.is_dir() or not is_picture(names[0]):
        return int(project.dataset.inputs[0].nbytes * len(rows))
    there = [path.stat().st_size for name in names if (path := root / name).is_file()]
    return int(sum(there) / max(1, len(there)) * len(rows))
