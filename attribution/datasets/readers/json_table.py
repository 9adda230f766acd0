"""Read a JSON document that holds a table: an array of objects, or an object of columns."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from attribution.datasets.address import Address, address_of
from attribution.datasets.frames import Twice, decoding, encoding_of, must_be_text, names_of, pairs, whole_record
from attribution.datasets.packed_text import opened_text, text_size
from attribution.datasets.readers import register
from attribution.datasets.readers.table import Rows
from attribution.datasets.sizes import check_memory
from attribution.datasets.source import listed
from attribution.datasets.stored import Stored
from attribution.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

WRAPPERS = ("data", "rows", "records", "items", "examples")  # of an object that holds the array
LAYOUT = 'Write [{"label": ..., ...}, ...], or {"label": [...], ...}.'
TIMES = 6  # memory that Python objects take, as a multiple of the text


@register("json")
class JsonTable(Rows):
    """An array of objects, or an object of columns."""

    title = "a JSON document"
    summary = f"A table as one JSON document. {LAYOUT}"
    suffixes: ClassVar[tuple[str, ...]] = (".json", ".json.gz")

    def frame(
        self, address: Address, as_text: tuple[str, ...], problems: list[dict[str, Any]], max_gigabytes: float
    ) -> tuple["pd.DataFrame", dict[str, Stored]]:
        path = address.files()[0]
        return frame_of(document(path, max_gigabytes), path), {}

    def first_rows(self, words: str, count: int) -> "pd.DataFrame":
        path = address_of(str(words)).files()[0]
        return frame_of(document(path, 0.0), path).head(count)


def document(path: Path, max_gigabytes: float) -> Any:
    """What a JSON file holds; ``UserError`` for what is none, and for more than ``max_gigabytes`` of memory."""
    must_be_text(path)
    check_memory(path, 0, 0, TIMES * text_size(path, max_gigabytes), max_gigabytes)
    encoding = encoding_of(path)
    try:
        with decoding(path, encoding), opened_text(path, encoding) as stream:
            return json.load(stream, object_pairs_hook=pairs)
    except json.JSONDecodeError as cause:
        lines = cause.msg == "Extra data"
        raise UserError(
            f"Line {cause.lineno} of {path.name} is not JSON: {cause.msg}.",
            "It cannot be read.",
            "If every line is an object of its own, call the file .jsonl." if lines else "Correct that line.",
        ) from cause
    except Twice as cause:
        raise UserError(
            f"An object of {path.name} has {str(cause)!r} twice.", "Which one is meant cannot be told.", "Remove one."
        ) from cause
    except (ValueError, RecursionError) as cause:
        deep = isinstance(cause, RecursionError)
        raise UserError(
            f"{path.name} {'is nested too deeply' if deep else f'cannot be read: {cause}'}.", "It is no table.", LAYOUT
        ) from cause


def frame_of(found: Any, path: Path) -> "pd.DataFrame":
    """The table that a JSON document holds; ``UserError`` where it holds another thing."""
    import pandas as pd

    if isinstance(found, dict):
        inner = [name for name in WRAPPERS if isinstance(found.get(name), list) and _objects(found[name])]
        if inner:
            found = found[inner[0]]
    if isinstance(found, list) and _objects(found):
        frame = pd.DataFrame([whole_record(record) for record in found])
    elif isinstance(found, dict) and (columns := _columns(found)):
        frame = pd.DataFrame(whole_record(columns))
    else:
        raise UserError(f"{path.name} holds {_words(found)}.", "That is no table.", LAYOUT)
    frame.columns = names_of([str(name) for name in frame.columns], path)
    return frame


def _objects(found: list[Any]) -> bool:
    return bool(found) and all(isinstance(one, dict) for one in found)


def _columns(found: dict[str, Any]) -> dict[str, list[Any]]:
    """The columns of equal length that an object holds (lists, or objects by row as pandas writes them); {} for
    none."""
    columns = {
        str(name): list(values.values()) if isinstance(values, dict) else values for name, values in found.items()
    }
    lists = all(isinstance(values, list) for values in columns.values())
    return columns if lists and len({len(values) for values in columns.values()}) == 1 else {}


def _words(found: Any) -> str:
    if isinstance(found, dict):
        return f"an object of {listed(list(found), 6) or 'nothing'}"
    return f"an array of {len(found):,} values that are not all objects" if isinstance(found, list) else "one value"
