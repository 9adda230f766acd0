"""What a reader found in the user's files, and the checks that every kind of source shares."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.kinds import modality
from attribution.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from attribution.datasets.pictures import PictureFiles

LEFT_OUT, NOTE = "left out", "note"


class Unreadable(Exception):
    """One picture that cannot be decoded; the import lists it and goes on."""


@dataclass(frozen=True)
class Source:
    """Samples as found, before labels become numbers and content becomes an array.

    ``samples`` has one line per sample, index 0..n-1, with ``id``, ``label`` (class name), ``split`` ("" where none is
    given), ``source`` (how messages name it: "row 17", "cat/3.png") and, where there are any, ``group``, ``text`` and
    ``col:NAME``. ``classes`` is set when the source fixes the class order. For images, ``header(i)`` gives ``(height,
    width, channels)`` without decoding and ``pixels(i)`` the decoded uint8 array (h, w, c); both raise ``Unreadable``.

    ``measure()`` looks through those whose header was asked for and that are deeper than 8 bits, so that ``pixels``
    scales them alike. For numbers of a shape ``values(i)`` gives the array of sample ``i``.

    ``files`` are the pictures' files, where they have some: they may be read from there again.

    ``problems`` has a line for whatever was seen and not taken (``left_out``) or taken otherwise than it stands there
    (``note``). ``seen`` counts the files or rows that the reader met: those taken and those left out.
    """

    modality: str
    path: Path
    samples: "pd.DataFrame"
    classes: tuple[str, ...] = ()
    problems: list[dict[str, Any]] = field(default_factory=list)
    header: Callable[[int], tuple[int, int, int]] | None = None
    pixels: Callable[[int], np.ndarray] | None = None
    seen: int = 0
    measure: Callable[[], list[dict[str, Any]]] = list
    values: Callable[[int], np.ndarray] | None = None
    files: "PictureFiles | None" = None

    def where(self, position: int) -> str:
        """How a message names sample ``position``: "Row 17 of people.csv", "File cat/3.png"."""
        name = str(self.samples["source"].iloc[position])
        if self.path.is_dir():
            files = modality(self.modality).files and not name.startswith("row ")  # a dataset's rows may be pictures
            return f"File {name}" if files else f"{name[0].upper()}{name[1:]}"
        return f"{name[0].upper()}{name[1:]} of {self.path.name}"


def left_out(where: str, what: str, count: int = 1) -> dict[str, Any]:
    """A line about ``count`` files or rows that were seen and not taken; a column that is not taken counts 0."""
    return {"where": where, "what": what, "kind": LEFT_OUT, "count": count}


def note(where: str, what: str, count: int = 0) -> dict[str, Any]:
    """A line about something that was taken, but changed or worth knowing; ``count`` rows or files are concerned."""
    return {"where": where, "what": what, "kind": NOTE, "count": count}


def together(problems: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same notes about more than three columns as one line, worded as the first; the others as they are, in their
    order."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for place, one in enumerate(problems):
        alike = one["kind"] == NOTE and one["where"].startswith("column ")
        groups.setdefault(re.split(r"[:('\d]", one["what"])[0] if alike else str(place), []).append(one)
    lines = []
    for group in groups.values():
        if len(group) > 3:
            names = [one["where"].removeprefix("column ") for one in group]
            lines.append(
                {
                    **group[0],
                    "where": f"columns {listed(names, 6)}",
                    "what": f"{group[0]['what']} (the first of {len(group):,})",
                }
            )
        else:
            lines += group
    return lines


def left_out_count(problems: Iterable[dict[str, Any]]) -> int:
    """How many files or rows these lines say were left out."""
    return sum(problem["count"] for problem in problems if problem["kind"] == LEFT_OUT)


def natural_key(name: str) -> list[tuple[int, str]]:
    """By which file names are sorted, numbers in them as numbers: part-2 before part-10."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if place % 2 else (0, part) for place, part in enumerate(parts)]


def natural_order(names: set[str]) -> list[str]:
    """Class names sorted as numbers where all are numbers, else as text."""
    if all(re.fullmatch(r"-?\d+(\.\d+)?", name) for name in names):
        return sorted(names, key=lambda name: (float(name), name))
    return sorted(names)


def check_samples(source: Source) -> None:
    """``UserError`` for no samples at all and for an id that is used twice, naming both places."""
    samples = source.samples
    if not len(samples):
        raise UserError(
            f"{source.path} has no samples.",
            "There is nothing to learn from.",
            "Check that this is the file or folder you meant.",
        )
    twice = np.flatnonzero(samples["id"].duplicated())
    if len(twice):
        name = samples["id"].iloc[twice[0]]
        first = int(np.flatnonzero(samples["id"] == name)[0])
        raise UserError(
            f"{source.where(int(twice[0]))} has the id {name!r}, which {source.where(first)} has too.",
            "Edits and scores are kept by id, so ids must be unique.",
            "Give every sample its own id, or leave the id column empty.",
        )


def class_names(source: Source) -> tuple[str, ...]:
    """The classes of a source in index order.

    Raises ``UserError`` for one class only, for a label that ``classes`` does not list, and for labels that look like
    measurements (more than half of the values are different).
    """
    labels = source.samples["label"]
    found = set(labels.unique())
    if source.classes and found - set(source.classes):
        name = sorted(found - set(source.classes))[0]
        raise UserError(
            f"{source.where(_first(labels == name))} has the label {name!r}, which is not one of the classes "
            f"[{listed(source.classes)}].",
            "Its name is unknown.",
            "Correct the label or add the class.",
        )
    if len(found) < 2:
        raise UserError(
            f"All samples of {source.path.name} have the label {next(iter(found))!r}.",
            "A classifier needs at least two classes.",
            "Check the label column or the class folders.",
        )
    if len(found) > 20 and len(found) > len(labels) / 2:
        raise UserError(
            f"The labels of {source.path.name} have {len(found):,} different values in {len(labels):,} samples, "
            f"such as {listed(sorted(found), 3)}.",
            "They look like measurements or names, not classes.",
            "Choose the column that holds the class, or group the values into classes first.",
        )
    return source.classes or tuple(natural_order(found))


def check_classes(source: Source, classes: tuple[str, ...], labels: np.ndarray, splits: np.ndarray) -> None:
    """``UserError`` unless every class has a training sample; ``labels`` (n,) class indices and ``splits`` (n,) follow
    ``source.samples``."""
    if not (splits == "train").any():
        raise UserError(
            f"{source.path.name} has no training samples.",
            "There is nothing to learn from.",
            "Mark some samples as train, or lower the fractions.",
        )
    trained = np.zeros(len(classes), dtype=bool)
    trained[labels[splits == "train"]] = True
    for position in np.flatnonzero(~trained[labels]):
        raise UserError(
            f"{source.where(int(position))} has the label {classes[labels[position]]!r}, which no training sample has"
            f" (it is in the {splits[position]} split).",
            "A model cannot predict a class it never saw.",
            f"Correct the label, or add training samples of it. Trained classes: {listed(np.array(classes)[trained])}.",
        )
    if not trained.all():
        raise UserError(
            f"Class {classes[int(np.flatnonzero(~trained)[0])]!r} of {source.path.name} is empty.",
            "A class without training samples cannot be learned.",
            "Add samples or remove the class.",
        )


def listed(names: "np.ndarray | list[str] | tuple[str, ...]", limit: int = 12) -> str:
    """Names separated by commas, cut after ``limit``."""
    shown = ", ".join(str(name) for name in names[:limit])
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown


def _first(mask: "pd.Series") -> int:
    return int(np.flatnonzero(mask.to_numpy())[0])
