"""A FiftyOne dataset: pictures with labels, predictions and tags."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.exporters import _names, _pictures, register
from attribution.exporters._known import kept, known
from attribution.exporters.base import Exported, FolderExporter, inside
from attribution.settings.ranges import Settings, opt

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = {"suspicion": "suspicion", "loss": "loss", "memorization": "memorization"}
WORDS = {"id": "datablame_id", "kind": "kind", "verdict": "verdict", "note": "note"}
FIELD = "fiftyone.core.fields."


@dataclass(frozen=True)
class FiftyOneSettings(Settings):
    """Which samples."""

    dropped_too: bool = opt(True, "Also the samples that were dropped, with the tag dropped.")


@register("fiftyone")
class FiftyOneExport(FolderExporter):
    """``metadata.json``, ``samples.json`` and ``data/``, as ``fiftyone.types.FiftyOneDataset`` reads them.

    ``ground_truth`` is the label as it stands, ``given`` the one that was imported, ``prediction`` the model's answer
    with its confidence; tags say split, leak, duplicate, what was decided, and your own tags.
    """

    title = "FiftyOne dataset"
    summary = (
        "Pictures with ground truth, the given label, predictions, suspicion and tags for FiftyOne "
        "(`Dataset.from_dir`, type FiftyOneDataset)."
    )
    file = "fiftyone.zip"
    group = "programs"
    Settings = FiftyOneSettings
    settings: FiftyOneSettings

    def missing(self, project: Exported) -> str:
        return _pictures.pictures_missing(project)

    def size(self, project: Exported) -> int:
        n = len(project.dataset)
        return 500 * n + _pictures.size(project, np.arange(n))

    def fill(self, project: Exported, folder: Path) -> None:
        facts = known(project)
        found = _pictures.layout(project)
        rows = [int(row) for row in np.flatnonzero(kept(project) | self.settings.dropped_too)]
        taken: set[str] = set()
        where = {row: f"data/{_names.free(_file(facts['id'].iat[row], found), taken)}" for row in rows}
        _pictures.write(project, folder, where, found)
        samples = [_sample(project, facts.loc[row], where[row]) for row in rows]
        _write(folder, "samples.json", {"samples": samples})
        _write(folder, "metadata.json", _metadata(project, samples))


def _write(folder: Path, name: str, value: Any) -> None:
    inside(folder, name).write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def _file(name: str, found: _pictures.Layout) -> str:
    """A file's name in one folder, from its path or id."""
    flat = _names.part(name.replace("/", "-"))
    return flat if found.root is not None else f"{flat.removesuffix('.png')}.png"


def _sample(project: Exported, facts: "pd.Series", path: str) -> dict[str, Any]:
    sample: dict[str, Any] = {"filepath": path, "tags": _tags(facts)}
    for name, field in (("label", "ground_truth"), ("given", "given"), ("prediction", "prediction")):
        if facts.get(name):
            confidence = facts.get("confidence") if name == "prediction" else None
            sample[field] = _answer(project, facts[name], confidence)
    for name, field in {**NUMBERS, **WORDS}.items():
        value = facts.get(name)
        if value is not None and value == value and value != "":
            sample[field] = float(value) if name in NUMBERS else str(value)
    return sample


def _answer(project: Exported, word: str, confidence: Any) -> dict[str, Any]:
    """A label as FiftyOne's Classification, Classifications or Regression."""
    from attribution.tasks.targets import parts_of

    kind = project.dataset.task.kind
    if kind == "number":
        return {"_cls": "Regression", "value": float(word)}
    if kind == "set":
        each = [{"_cls": "Classification", "label": name} for name in parts_of(word)]
        return {"_cls": "Classifications", "classifications": each}
    sure = {"confidence": float(confidence)} if confidence is not None and confidence == confidence else {}
    return {"_cls": "Classification", "label": word, **sure}


def _tags(facts: "pd.Series") -> list[str]:
    own = list(facts.get("tags") or [])
    found = [name for name in ("leak", "duplicate", "unsure") if facts.get(name)]
    dropped = ["dropped"] if facts["dropped"] else []
    return list(dict.fromkeys([facts["split"], *found, *dropped, *own]))


def _metadata(project: Exported, samples: list[dict[str, Any]]) -> dict[str, Any]:
    """Name, fields with their types, and the classes."""
    kind = {"number": "Regression", "set": "Classifications"}.get(project.dataset.task.kind, "Classification")
    answer = f"{FIELD}EmbeddedDocumentField(fiftyone.core.labels.{kind})"
    there = {name for sample in samples for name in sample}
    fields = {"filepath": f"{FIELD}StringField", "tags": f"{FIELD}ListField({FIELD}StringField)"}
    fields |= {name: answer for name in ("ground_truth", "given", "prediction") if name in there}
    fields |= {name: f"{FIELD}FloatField" for name in NUMBERS.values() if name in there}
    fields |= {name: f"{FIELD}StringField" for name in WORDS.values() if name in there}
    targets = project.dataset.task.targets
    info = {"classes": targets.names(), "datablame_version": project.labels.version}
    return {"name": project.name, "media_type": "image", "sample_fields": fields, "info": info}
