"""What the New project page shows back of the data, and the words for its choices."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from attribution.views.numbers import plural

LEFT_OUT, NOTE = "left out", "note"
SPLIT_NAMES = {"train": "training", "val": "validation", "test": "test"}
USUAL = {
    "label": ("label", "labels", "class", "target", "y", "category", "sentiment"),
    "text": ("text", "sentence", "review", "content", "document"),
    "id": ("id", "sample_id", "uid"),
    "split": ("split", "partition", "subset"),
    "group": ("group",),
}
MODELS = {
    "auto": "Chosen for the data (small CNN, text network or MLP)",
    "logistic": "Logistic regression",
    "mlp": "MLP, two hidden layers",
    "cnn": "Small CNN (pictures)",
    "resnet": "Small ResNet with group norm (pictures)",
    "text": "Word embeddings and an MLP (text)",
    "own": "My own, from a Python file",
}
FITTING = {
    "image": ("auto", "logistic", "mlp", "cnn", "resnet", "own"),
    "text": ("auto", "text", "own"),
    "tabular": ("auto", "logistic", "mlp", "own"),
}


def summary_line(found: dict[str, Any]) -> str:
    """What a preview found, in one sentence: "6,000 pictures of 28 × 28 pixels in 10 classes"."""
    shape, n, classes = found["shape"], found["n"], plural(len(found["classes"]), "class", "classes")
    if found["modality"] == "image":
        channels, height, width = shape
        own = found.get("sizes", f"{width} × {height} pixels")
        seen = "" if own == f"{width} × {height} pixels" else f" (the model sees {width} × {height})"
        return f"{plural(n, 'picture')} of {own}{seen}, {'grey' if channels == 1 else 'colour'}, in {classes}"
    if found["modality"] == "text":
        return f"{plural(n, 'text')} of up to {plural(shape[0], 'word')}, in {classes}"
    return f"{plural(n, 'row')} with {plural(shape[0], 'model input')}, in {classes}"


def counts_sentence(seen: int, problems: Sequence[dict[str, Any]]) -> str:
    """What became of all that was seen: "24 seen, 22 taken, 2 left out."; "" where that is not known or all were taken."""
    gone = sum(one["count"] for one in problems if one["kind"] == LEFT_OUT)
    return f"{seen:,} seen, {seen - gone:,} taken, {gone:,} left out." if seen and gone else ""


def problem_table(problems: Sequence[dict[str, Any]], limit: int = 200) -> pd.DataFrame:
    """What was left out, then what is worth knowing, a line each."""
    ordered = sorted(problems, key=lambda one: one["kind"] != LEFT_OUT)[:limit]
    lines = [(one["kind"], one["where"], one["what"]) for one in ordered]
    return pd.DataFrame(lines, columns=["kind", "where", "what"])


def balance_table(found: dict[str, Any]) -> pd.DataFrame:
    """Samples per class (lines) and split (columns)."""
    frame = pd.DataFrame({SPLIT_NAMES[split]: counts for split, counts in found["balance"].items()})
    return frame.rename_axis("class").reset_index()


def example_table(found: dict[str, Any], limit: int = 8) -> pd.DataFrame:
    """The first examples of a table or of texts, with label and split."""
    lines = []
    for example in found["examples"][:limit]:
        content = example.get("values") or {"text": example.get("text", "")}
        lines.append({"label": example["label"], "split": SPLIT_NAMES.get(example["split"], example["split"]), **content})
    return pd.DataFrame(lines)


def kind_of(path: str) -> str:
    """What a path seems to hold, by its name: "table" (columns have to be named), "archive" or "folder"."""
    name = path.strip().lower()
    if name.endswith((".csv", ".tsv", ".jsonl", ".parquet")):
        return "table"
    return "archive" if name.endswith(".npz") else "folder"


def columns_of(path: str) -> list[str]:
    """Column names of a table, from its first line or its schema alone; [] when there is no such file or it cannot be read."""
    source = Path(path).expanduser()
    if kind_of(path) != "table" or not source.is_file():
        return []
    try:
        if source.suffix.lower() == ".parquet":
            import pyarrow.parquet

            return list(pyarrow.parquet.read_schema(source).names)
        with open(source, encoding="utf-8-sig", errors="replace", newline="") as stream:
            if source.suffix.lower() == ".jsonl":
                return list(json.loads(stream.readline()))
            return next(csv.reader(stream, delimiter="\t" if source.suffix.lower() == ".tsv" else ","), [])
    except (ValueError, OSError):  # the import says in words what is wrong with the file
        return []


def guess(columns: Sequence[str], purpose: str) -> int | None:
    """Place of the column that is probably meant for a purpose (label, text, id, split or group), by its name."""
    names = [name.lower() for name in columns]
    return next((names.index(name) for name in USUAL[purpose] if name in names), None)


def project_name(path: str) -> str:
    """A folder name for a project made from ``path``: its last part, in letters, digits, dots and dashes."""
    last = path.rstrip("/\\").replace("\\", "/").rsplit("/", 1)[-1]
    stem = last.rsplit(".", 1)[0] if kind_of(path) != "folder" else last
    kept = "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in stem).strip("-")
    return kept or "project"
