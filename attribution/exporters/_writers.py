"""Writes a table as CSV, JSON lines or Parquet; no cell of a CSV file is run as a formula."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.datasets.guard import guarded

if TYPE_CHECKING:
    import pandas as pd

About = Mapping[str, str]


def write_csv(table: "pd.DataFrame", path: Path, about: About) -> None:
    """UTF-8, commas, a header, lines end in a line feed; nested values as JSON."""
    safe = table.rename(columns=lambda name: guarded(str(name)))
    safe = safe.apply(lambda column: column.map(_cell) if _words(column) else column)
    safe.to_csv(path, index=False, lineterminator="\n", encoding="utf-8", errors="replace")


def write_jsonl(table: "pd.DataFrame", path: Path, about: About) -> None:
    """An object a line; times in ISO format."""
    table.to_json(path, orient="records", lines=True, force_ascii=False, date_format="iso", double_precision=15)


def write_parquet(table: "pd.DataFrame", path: Path, about: About) -> None:
    """With what each column is (``about``) as ``description`` in the metadata of its field."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    flat = table.apply(lambda column: column.map(_text) if column.dtype == object else column)
    found = pa.Table.from_pandas(flat, preserve_index=False)
    for place, field in enumerate(found.schema):
        if words := about.get(field.name, about.get(field.name.partition(":")[0] + ":", "")):
            said = field.with_metadata({"description": words})
            found = found.set_column(place, said, found.column(place).cast(said.type))
    pq.write_table(found.replace_schema_metadata(table_metadata(found)), path, compression="zstd")


def table_metadata(table: Any) -> dict[bytes, bytes]:
    """The schema's metadata: pandas' own, and what each described column is as one JSON object under ``datablame``."""
    said = {
        field.name: field.metadata[b"description"].decode()
        for field in table.schema
        if b"description" in (field.metadata or {})
    }
    return {**(table.schema.metadata or {}), b"datablame": json.dumps({"columns": said}, ensure_ascii=False).encode()}


def _words(column: "pd.Series") -> bool:
    return column.dtype.kind not in "iufbmM"


def _cell(value: Any) -> Any:
    value = _text(value)
    return guarded(value) if isinstance(value, str) else value


def _text(value: Any) -> Any:
    """A cell that holds names and values (the evidence of a decision) as JSON."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list, tuple)) else value


WRITERS: "dict[str, Callable[[pd.DataFrame, Path, About], None]]" = {
    ".csv": write_csv,
    ".jsonl": write_jsonl,
    ".parquet": write_parquet,
}
