"""Read a metadata.csv (or .jsonl): which picture has which label, compared with what lies in the folder."""

import ntpath
import os
import posixpath
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets import beside
from attribution.datasets.annotators import joined
from attribution.datasets.labels import kept_without_label, label_words, no_label
from attribution.datasets.picture_layout import is_picture, metadata_name, passed_over
from attribution.datasets.readers.table import OWN, column, named_splits, read_frame
from attribution.datasets.source import listed, note
from attribution.datasets.splits import split_name
from attribution.datasets.walk import Folder, in_few_lines
from attribution.errors import UserError
from attribution.settings.configs import DataConfig
from attribution.tasks.choice import chosen

if TYPE_CHECKING:
    import pandas as pd


def from_metadata(
    root: Path, folder: Folder, split: str, config: DataConfig
) -> tuple["pd.DataFrame", list[dict[str, Any]]]:
    """The pictures that the metadata file of ``folder`` names (id, label, split and group), and lines about names
    without a picture and pictures without a name. Only files that the walk found are taken, so a name never leads
    out of the folder."""
    import pandas as pd

    own = metadata_name(folder)
    path = root / own
    problems: list[dict[str, Any]] = []
    as_text = (config.label, config.group, "file_name", config.split, "split")
    frame = read_frame(path, as_text, problems, config.max_gigabytes)
    frame, _ = joined(frame, replace(config, id=config.id or "file_name"), path, problems)
    for name, role in (("file_name", "names the picture files"), (config.label, "holds the labels")):
        if name not in frame:
            column(frame, name, path, role)  # says which columns there are
    given, nameless, _ = label_words(frame["file_name"])
    labels, unlabelled, bad = label_words(frame[config.label], chosen(config).kind == "set")
    if bad is not None:
        raise no_label(f"Row {bad[0] + 1} of {path.name}", bad[1])
    names = _Names(root, folder, path.name)
    found = [None if gone else names.find(name) for name, gone in zip(given, nameless, strict=True)]
    named = np.flatnonzero(~nameless)
    there = [number for number, name in enumerate(found) if name and is_picture(name)]
    if not there:
        raise _none_found(path, [given[number] for number in named], names)
    parts = np.asarray(named_splits(frame, config, path)[0] if not split else [split] * len(frame), dtype=object)
    waits = unlabelled & (config.unlabelled == "keep") & ~np.isin(parts, ("val", "test"))
    taken = [number for number in there if waits[number] or not unlabelled[number]]
    if all(unlabelled[number] for number in taken):
        raise UserError(
            f"No row of {path.name} has a value in column {config.label}.",
            "It holds the labels.",
            "Choose another column.",
        )
    labels = np.where(waits, "", labels).astype(object)
    samples = pd.DataFrame({"id": [found[number] for number in taken], "label": labels[taken]})
    splits, said = named_splits(frame.iloc[taken], config, path) if not split else ("", [])
    samples["split"] = split or _splits(splits, samples["id"].tolist(), folder, said, path.name)
    if config.group:
        samples["group"] = column(frame.iloc[taken], config.group, path, "holds the groups").to_numpy(dtype=object)
    used = {"file_name", config.label, config.group, config.split, *_implied_split(frame, config)}
    more = [name for name in frame.columns if name not in used and name not in OWN]
    samples = pd.concat([samples, beside.kept(frame.iloc[taken], more).reset_index(drop=True)], axis=1)
    said = [*said, *beside.said(more)]
    rest = names.files - {found[number] for number in there} - {own}
    problems += passed_over(sorted(rest), f"has no line in {path.name}")
    problems += _without_label([number for number in there if unlabelled[number]], found, waits, path.name)
    problems += in_few_lines([f"row {number + 1} of {own}" for number in np.flatnonzero(nameless)], "names no file")
    return samples, problems + said + names.lines([given[n] for n in named], [found[n] for n in named])


def _implied_split(frame: "pd.DataFrame", config: DataConfig) -> list[str]:
    """The column that holds the splits where none is named."""
    return [] if config.split else [name for name in frame.columns if name.lower() == "split"][:1]


def _without_label(rows: list[int], found: list[str | None], waits: np.ndarray, table: str) -> list[dict[str, Any]]:
    """Lines about the pictures of these rows: those that wait for a label are kept, the others left out."""
    left = in_few_lines([str(found[row]) for row in rows if not waits[row]], f"has no label in {table}")
    return left + kept_without_label([str(found[row]) for row in rows if waits[row]])


def _none_found(path: Path, given: list[str], names: "_Names") -> UserError:
    """The error for a table none of whose names is a picture here: one of each, side by side."""
    pictures = sorted(name for name in names.files if is_picture(name))
    first = f"It names {given[0]!r}" if given else "It names no file"
    lies = f"{len(pictures):,} pictures lie here, such as {pictures[0]!r}" if pictures else "no picture lies here"
    return UserError(
        f"{path.name} of {path.parent} names no picture that lies there.",
        f"{first}; {lies}.",
        f"Write the names as paths from the folder of {path.name}, with slashes (train/0.png).",
    )


def _splits(given: Any, names: list[str], folder: Folder, said: list[dict[str, Any]], path: str) -> Any:
    """The splits of the table, or those of the folders that the pictures lie in where it gives none; what is not plain
    is ``said``."""
    start = len(folder.name) + 1 if folder.name else 0
    tops = [name[start:].split("/")[0] if "/" in name[start:] else "" for name in names]
    parts = [split_name(top) or "" for top in tops]
    if given.any() or not any(parts):
        return given
    words = sorted({top for top, part in zip(tops, parts, strict=True) if part})
    if all(parts) and "train" in parts:
        said.append(
            note("split folders", f"{path} names no splits, so those of the folders are taken: {listed(words)}")
        )
        return parts
    said.append(
        note(
            listed(words, 6),
            f"not read as splits: {path} names none, and not all pictures lie in train, val and test folders",
        )
    )
    return given


class _Names:
    """Finds what a table calls its files among those that lie in a folder."""

    def __init__(self, root: Path, folder: Folder, table: str) -> None:
        self.root, self.folder, self.table = root, folder, table
        self.files = set(folder.all_files())
        self.alike: dict[str, list[str]] = {}
        for name in self.files:
            self.alike.setdefault(_form(name), []).append(name)
        self.rewritten: dict[str, list[str]] = {}

    def find(self, name: str) -> str | None:
        """The file that is meant, relative to the root, or None."""
        given = name.strip()
        for how, path in (("", given), ("with backslashes", given.replace("\\", "/"))):
            inside = self._inside(path)
            if inside in self.files:
                return self._as(how or ("by their whole path" if os.path.isabs(path) else ""), name, inside)
            alike = self.alike.get(_form(inside), [])
            if len(alike) == 1:
                return self._as(
                    "that are spelled differently on disk (small and capital letters, or accents)", name, alike[0]
                )
        return None

    def lines(self, given: list[str], found: list[str | None]) -> list[dict[str, Any]]:
        """What there is to say of the names: those that lead nowhere or outside, and those that were read in another
        spelling."""
        missing = [name for name, file in zip(given, found, strict=True) if file is None]
        outside = [name for name in missing if _leads_out(name, self._inside(name.strip().replace("\\", "/")))]
        gone = [name for name in missing if name not in set(outside)]
        lines = in_few_lines(outside, f"{self.table} names it, but it lies outside of the folder and is not opened")
        lines += in_few_lines(gone, f"{self.table} names it, but the file does not exist")
        for how, names in self.rewritten.items():
            count = f"{len(names):,} name{'s' * (len(names) > 1)} {how}"
            lines.append(note(self.table, f"{count}, such as {names[0]}: the files were found", len(names)))
        return lines

    def _inside(self, path: str) -> str:
        """A path of the table as one relative to the root; it may still begin with ``..``."""
        if posixpath.isabs(path):
            path = os.path.relpath(posixpath.normpath(path), self.root.absolute() / self.folder.name)
        return posixpath.normpath(posixpath.join(self.folder.name, path))

    def _as(self, how: str, name: str, file: str) -> str:
        if how:
            self.rewritten.setdefault(how, []).append(name)
        return file


def _form(name: str) -> str:
    """One form for names that some file systems do not tell apart."""
    return unicodedata.normalize("NFC", name).casefold()


def _leads_out(name: str, inside: str) -> bool:
    return inside.startswith("..") or posixpath.isabs(inside) or bool(ntpath.splitdrive(name)[0])
