"""Rows of a Python object, read once: what their input is, and their columns and content as they can be stored."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.given._spool import Spool
from attribution.datasets.given._values import as_pixels, is_picture, numbers, picture_file, plain, png
from attribution.datasets.given.base import Part, Row
from attribution.errors import UserError
from attribution.settings.configs import DataConfig
from attribution.storage.rows import rows_into

if TYPE_CHECKING:
    import pyarrow as pa

SPOOLED = ".pictures"
PICTURES, NUMBERS, NONE = "pictures", "numbers", "none"


class NotPictures(Exception):
    """An array that cannot be a picture among some that could: all are numbers."""


@dataclass
class Poured:
    """What the rows of one split became: plain ``columns``; the files of pictures, or the place of an array (n, ...);
    ``content`` is the field that they stood in."""

    kind: str
    content: str = ""
    columns: dict[str, list[Any]] = field(default_factory=dict)
    files: Spool | None = None
    array: Path | None = None


def content_of(row: Row, config: DataConfig) -> tuple[str, str]:
    """The field that is a sample's input where it is no plain value, and its kind; ("", none) where all are plain."""
    named = [name for name in config.features if name in row] if len(config.features) == 1 else []
    fields = [name for name in (named or row) if name != config.label]
    pictures = [name for name in fields if is_picture(row[name])]
    arrays = [name for name in fields if not is_picture(row[name]) and _has_shape(row[name])]
    if not config.text and len(found := pictures or arrays) > 1:
        raise UserError(
            f"A sample has {len(found)} inputs: {', '.join(found)}.",
            "One of them is what the model is handed.",
            f'Name it: features=("{found[0]}",).',
        )
    if config.text:
        return "", NONE
    if pictures:
        return pictures[0], PICTURES
    if not arrays:
        return "", NONE
    return arrays[0], PICTURES if _pixels(row[arrays[0]]) is not None else NUMBERS


def _has_shape(value: Any) -> bool:
    found = numbers(value)
    return found is not None and found.ndim > 0


def _pixels(value: Any) -> np.ndarray | None:
    found = numbers(value)
    return None if found is None else as_pixels(found, first=hasattr(value, "detach"))


def pour(part: Part, name: str, kind: str, array: Path, tick: Callable[[int], None]) -> Poured:
    """Read all rows of a part; ``NotPictures`` where what began as pictures goes on as numbers."""
    assert part.rows is not None
    found = Poured(kind, name)
    if kind == PICTURES:
        found.files = Spool(array.with_suffix(SPOOLED))
    if kind != NUMBERS:
        for place, row in enumerate(part.rows()):
            tick(place)
            _keep(found, row, place)
            if found.files is not None:
                found.files.append(_file(row[name]))
        return found
    found.array = array
    return _pour_numbers(part.rows(), part.n, found, array, tick)


def _pour_numbers(
    rows: Iterator[Mapping[str, Any]], n: int, found: Poured, array: Path, tick: Callable[[int], None]
) -> Poured:
    first = next(rows)
    one = numbers(first[found.content])
    assert one is not None
    whole = one.dtype.kind in "iub"
    kind = np.dtype("int64" if whole else "float32" if one.dtype.itemsize <= 4 else "float64")
    with rows_into(array, kind, one.shape, n) as out:
        for place, row in enumerate(_again(first, rows)):
            tick(place)
            _keep(found, row, place)
            value = numbers(row[found.content])
            if value is None or value.shape != one.shape:
                shape = "no numbers" if value is None else f"the shape {value.shape}"
                raise UserError(
                    f"Sample {place} has {shape} in {found.content}, the first one {one.shape}.",
                    "One model takes one shape.",
                    "Bring them to one shape first: pad or cut them.",
                )
            out.append(_exact(value, kind, place))
    return found


def _again(first: Row, rows: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from rows


def _exact(value: np.ndarray, kind: np.dtype[Any], place: int) -> np.ndarray:
    if kind.kind == "i" and value.dtype.kind == "f":
        raise UserError(
            f"Sample {place} holds floating point numbers, the first one whole ones.",
            "All samples are of one type.",
            "Give all of them as floating point.",
        )
    return value.astype(kind)


def _keep(found: Poured, row: Row, place: int) -> None:
    """Add the plain values of a row."""
    if place == 0:
        found.columns.update({name: [] for name in row if name != found.content})
    for name, values in found.columns.items():
        if name not in row:
            raise UserError(
                f"Sample {place} has no {name!r}.", "The first sample has one.", "Give every sample the same fields."
            )
        values.append(_value(row[name]))


def _value(value: Any) -> Any:
    """A plain value; a small array (a label of several numbers) as a list."""
    found = numbers(value)
    if found is not None and found.ndim:
        return found.tolist()
    if is_picture(value):
        return None
    return plain(value)


def _file(value: Any) -> bytes:
    if is_picture(value):
        return picture_file(value)
    pixels = _pixels(value)
    if pixels is None:
        raise NotPictures
    return png(pixels)


def column(values: list[Any]) -> "pa.Array":
    """A plain column in Arrow's types; one that mixes kinds of values as words."""
    import pyarrow as pa

    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return pa.array([None if value is None else str(value) for value in values], pa.string())
