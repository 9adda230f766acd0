"""A folder that Hugging Face ``datasets`` loads: Arrow files per split and a card."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.saved import DATA, PICTURE, WHOLE, picture_type, schema_of, value, write_split
from attribution.exporters import _pictures, register
from attribution.exporters._known import ABOUT, kept, known
from attribution.exporters.base import Exported, FolderExporter, inside, no_targets
from attribution.modalities import modality_of
from attribution.settings.configs import fingerprint

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SPLITS = {"train": "train", "val": "validation", "test": "test"}
ROWS = 500  # in one record batch
BESIDE = ("given", "verdict", "suspicion", "kind", "leak", "duplicate", "memorization", "tags", "note", "unsure")
WORK = {"picture": "image", "text": "text", "columns": "tabular", "plot": "tabular"}
CARD = """\
---
pretty_name: {name}
task_categories:
- {work}
tags:
- datablame
configs:
- config_name: default
{files}
---

# {name}

{count} samples as decided in Datablame: {verdicts}. Load the folder with

```python
from datasets import load_from_disk

data = load_from_disk("THIS_FOLDER")
```

| column | what it is |
| --- | --- |
{columns}
"""


@register("huggingface")
class HuggingFaceExport(FolderExporter):
    """What ``DatasetDict.save_to_disk`` writes: train, validation and test with their Arrow file, features and state,
    and a README.md card. Classes are ``ClassLabel``, pictures ``Image`` with their own bytes, sets of labels lists.

    Written with pyarrow alone. A sample without a label has none; dropped ones are left out.
    """

    title = "Hugging Face dataset"
    summary = (
        "A folder for `datasets.load_from_disk` with the corrected train, validation and test data, what is known of "
        "each sample, and a card."
    )
    file = "huggingface.zip"
    group = "programs"

    def size(self, project: Exported) -> int:
        n = len(project.dataset)
        pictures = not _pictures.pictures_missing(project)
        return 200 * n + (_pictures.size(project, np.arange(n)) if pictures else int(project.dataset.inputs.nbytes))

    def missing(self, project: Exported) -> str:
        return no_targets(project)

    def fill(self, project: Exported, folder: Path) -> None:
        facts = known(project)
        columns = _columns(project, facts)
        features = {name: feature for name, (feature, _, _) in columns.items()}
        there = kept(project)
        names = [own for own in SPLITS if (there & (facts["split"] == own).to_numpy()).any()]
        for own in names:
            rows = np.flatnonzero(there & (facts["split"] == own).to_numpy())
            _write_split(project, folder, SPLITS[own], rows, columns, features)
        theirs = [SPLITS[own] for own in names]
        inside(folder, WHOLE).write_text(json.dumps({"splits": theirs}), encoding="utf-8")
        inside(folder, "README.md").write_text(_card(project, facts, theirs, features), encoding="utf-8")


Column = tuple[dict[str, Any], "pa.DataType", Any]  # feature, Arrow type, and the values by row


def _columns(project: Exported, facts: "pd.DataFrame") -> dict[str, Column]:
    """Every column: the sample, its label, and what is known of it."""
    import pyarrow as pa

    dataset = project.dataset
    columns: dict[str, Column] = {"id": (value("string"), pa.string(), facts["id"].tolist())}
    if not _pictures.pictures_missing(project):
        columns["image"] = (PICTURE, picture_type(), None)
    else:
        for name, values in modality_of(dataset).columns(dataset).items():
            free = str(name) if name not in ("id", "label") else f"{name}_"
            columns[free] = _plain(values)
    columns["label"] = _label(project)
    for name in BESIDE:
        if name in facts:
            columns[f"datablame_{name}"] = _plain(facts[name])
    return columns


def _plain(values: "pd.Series") -> Column:
    """A column of numbers, words, truths, or lists of words."""
    import pyarrow as pa

    if values.dtype.kind == "b":
        return value("bool"), pa.bool_(), values.tolist()
    if values.dtype.kind in "iu":
        return value("int64"), pa.int64(), values.tolist()
    if values.dtype.kind == "f":
        return value("float64"), pa.float64(), [None if value != value else value for value in values.tolist()]
    found = values.tolist()
    if found and isinstance(found[0], list):
        return {"feature": value("string"), "_type": "Sequence"}, pa.list_(pa.string()), found
    return value("string"), pa.string(), [None if value is None else str(value) for value in found]


def _label(project: Exported) -> Column:
    import pyarrow as pa

    targets = project.dataset.task.targets
    values = project.labels.values
    bare = targets.bare(values)
    if targets.kind == "number":
        return (
            value("float64"),
            pa.float64(),
            [None if gone else float(v) for v, gone in zip(values, bare, strict=True)],
        )
    names = {"names": targets.names(), "_type": "ClassLabel"}
    if targets.kind == "set":
        each = targets.for_model(values).astype(bool)
        sets = [None if gone else np.flatnonzero(row).tolist() for row, gone in zip(each, bare, strict=True)]
        return {"feature": names, "_type": "Sequence"}, pa.list_(pa.int64()), sets
    return names, pa.int64(), [None if gone else int(v) for v, gone in zip(values, bare, strict=True)]


def _write_split(
    project: Exported,
    folder: Path,
    name: str,
    rows: "np.ndarray",
    columns: dict[str, Column],
    features: dict[str, Any],
) -> None:
    """One split: its Arrow file in the stream format, its features, and its state."""
    schema = schema_of({column: kind for column, (_, kind, _) in columns.items()}, features)
    mark = fingerprint(project.info.base_hash, project.labels.version, name)
    batches = _batches(project, rows, columns, schema)
    write_split(inside(folder, f"{name}/{DATA}").parent, name, schema, features, batches, mark)


def _batches(
    project: Exported, rows: "np.ndarray", columns: dict[str, Column], schema: "pa.Schema"
) -> Iterator["pa.RecordBatch"]:
    import pyarrow as pa

    read = _pictures.reader(project) if "image" in columns else None
    for start in range(0, len(rows), ROWS):
        part = rows[start : start + ROWS].tolist()
        arrays = []
        for _, kind, values in columns.values():
            here = [read(row) for row in part] if values is None and read else [values[row] for row in part]
            arrays.append(pa.array(here, kind))
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _card(project: Exported, facts: "pd.DataFrame", splits: list[str], features: dict[str, Any]) -> str:
    dataset = project.dataset
    work = WORK[modality_of(dataset).shown_as]
    verdicts = facts["verdict"].value_counts()
    said = ", ".join(f"{verdicts[name]:,} {word}" for name, word in VERDICTS.items() if name in verdicts)
    about = {"id": ABOUT["id"], "label": ABOUT["label"], **{f"datablame_{name}": ABOUT[name] for name in BESIDE}}
    lines = [f"| `{name}` | {about.get(name, 'As in the data.')} |" for name in features]
    files = "\n".join(["  data_files:", *(f"  - split: {name}\n    path: {name}/*.arrow" for name in splits)])
    return CARD.format(
        name=json.dumps(project.name, ensure_ascii=False)[1:-1],
        work=f"{work}-{'regression' if dataset.task.kind == 'number' else 'classification'}",
        files=files,
        count=f"{int(kept(project).sum()):,}",
        verdicts=said or "nothing was changed",
        columns="\n".join(lines),
    )


VERDICTS = {"relabel": "relabelled", "drop": "dropped (not in here)", "keep": "kept after a look"}
