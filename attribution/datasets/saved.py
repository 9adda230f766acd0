"""Write splits as Hugging Face `datasets` saves them: Arrow files, features and a state, by pyarrow alone."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

DATA = "data-00000-of-00001.arrow"
WHOLE = "dataset_dict.json"
PICTURE = {"_type": "Image"}


def picture_type() -> "pa.DataType":
    """How a picture's file is stored."""
    import pyarrow as pa

    return pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def value(kind: str) -> dict[str, Any]:
    """The feature of a plain column."""
    return {"dtype": kind, "_type": "Value"}


def schema_of(columns: Mapping[str, "pa.DataType"], features: Mapping[str, Any]) -> "pa.Schema":
    """The columns with their features, as the files say them."""
    import pyarrow as pa

    said = json.dumps({"info": {"features": features}})
    return pa.schema([pa.field(name, kind) for name, kind in columns.items()]).with_metadata({"huggingface": said})


def write_split(
    folder: Path, name: str, schema: "pa.Schema", features: Mapping[str, Any], batches: Iterable[Any], mark: str
) -> None:
    """One split into ``folder``, which is made: its batches in the stream format, its features, and its state."""
    import pyarrow as pa

    folder.mkdir(parents=True, exist_ok=True)
    with pa.OSFile(str(folder / DATA), "wb") as stream, pa.ipc.new_stream(stream, schema) as out:
        for batch in batches:
            out.write_batch(batch)
    info = {"citation": "", "description": "", "features": features, "homepage": "", "license": ""}
    for file, found in (("dataset_info", info), ("state", _state(name, mark))):
        (folder / f"{file}.json").write_text(json.dumps(found, indent=1), encoding="utf-8")


def _state(name: str, mark: str) -> dict[str, Any]:
    """What a split says of itself: its file, a fingerprint, and that nothing is formatted or left out."""
    return {
        "_data_files": [{"filename": DATA}],
        "_fingerprint": mark,
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": name or None,
    }
