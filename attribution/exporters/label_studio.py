"""Tasks for Label Studio, with what the label is and what the model says as predictions."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.exporters import _names, _pictures, register
from attribution.exporters._known import kept, known
from attribution.exporters._label_studio import SHOWN, page, result
from attribution.exporters.base import Exported, FolderExporter, inside, no_targets
from attribution.modalities import modality_of
from attribution.settings.ranges import Settings, opt

if TYPE_CHECKING:
    import pandas as pd

INLINE = 20_000_000  # bytes of pictures that stand in the tasks themselves
TYPES = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".gif": "gif", ".bmp": "bmp", ".webp": "webp"}
README = """\
Label Studio
1. Make a project there; under Settings, Labeling Interface, Code, paste config.xml.
2. Import tasks.json.{files}
3. Label. "Take it out of the data" drops a sample, "I am not sure" marks it.
4. Export as JSON, and bring the decisions back:
   datablame apply --label-studio EXPORT.json --project {name} --dry-run
   datablame apply --label-studio EXPORT.json --project {name}
"""
FILES = """ The pictures lie in images/: start Label Studio with
   LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT=THIS_FOLDER
   and add this folder's images/ as local storage of the project (Settings, Cloud Storage), without syncing."""


@dataclass(frozen=True)
class LabelStudioSettings(Settings):
    """Which samples become tasks, and how their pictures travel."""

    most: int = opt(0, "So many of the most suspicious training samples; 0: every sample.", low=0, high=100_000_000)
    pictures: str = opt(
        "auto",
        "inline: in the tasks themselves; files: in a folder beside them, which Label Studio must be told of; auto: "
        "inline up to 20 MB.",
        choices=("auto", "inline", "files"),
    )


@register("label-studio")
class LabelStudioExport(FolderExporter):
    """``tasks.json`` (most suspicious first), ``config.xml`` and a README; pictures in the tasks or beside them.

    Two predictions a task: the label as it stands, and the model's answer with its probability as score. The
    annotations come back with ``datablame apply --label-studio``.
    """

    title = "Label Studio"
    summary = (
        "Tasks for Label Studio with the label and the model's answer as predictions, the most suspicious first, and "
        "the labelling page; its JSON export comes back as decisions."
    )
    file = "label-studio.zip"
    group = "programs"
    Settings = LabelStudioSettings
    settings: LabelStudioSettings

    def size(self, project: Exported) -> int:
        n = min(self.settings.most or len(project.dataset), len(project.dataset))
        pictures = _pictures.size(project, np.arange(n)) if not _pictures.pictures_missing(project) else 0
        return 900 * n + pictures * 4 // 3

    def missing(self, project: Exported) -> str:
        return no_targets(project)

    def fill(self, project: Exported, folder: Path) -> None:
        facts = known(project)
        rows = self._rows(project, facts)
        kind = modality_of(project.dataset)
        shown = SHOWN[kind.shown_as][1]
        samples, written = self._samples(project, folder, rows, shown)
        tasks = [_task(project, facts.loc[row], {shown: sample}) for row, sample in zip(rows, samples, strict=True)]
        inside(folder, "tasks.json").write_text(json.dumps(tasks, ensure_ascii=False, indent=1), encoding="utf-8")
        inside(folder, "config.xml").write_text(page(project.dataset.task.targets, kind.shown_as), encoding="utf-8")
        text = README.format(name=project.name, files=FILES if written else "")
        inside(folder, "README.txt").write_text(text, encoding="utf-8")

    def _rows(self, project: Exported, facts: "pd.DataFrame") -> list[int]:
        """The most suspicious first; those that were not searched behind them."""
        rows = facts.index[kept(project)]
        if "position" not in facts:
            return [int(row) for row in rows[: self.settings.most or None]]
        order = facts.loc[rows, "position"].sort_values(na_position="last", kind="stable")
        searched = order.dropna() if self.settings.most else order
        return [int(row) for row in searched.index[: self.settings.most or None]]

    def _samples(self, project: Exported, folder: Path, rows: list[int], shown: str) -> tuple[list[Any], bool]:
        """What each task shows, and whether pictures were written into the folder."""
        content = modality_of(project.dataset).columns(project.dataset)
        if shown == "text":
            kind = modality_of(project.dataset)
            texts = content["text"] if "text" in content else {row: kind.describe(project.dataset, row) for row in rows}
            return [str(texts[row]) for row in rows], False
        if shown == "table":
            table = content.iloc[rows].astype(object)
            return [
                {str(name): _plain(value) for name, value in line.items()} for line in table.to_dict("records")
            ], False
        found = _pictures.layout(project)
        here = folder / "images"
        where = {row: f"{number:06}{self._suffix(project, found, row)}" for number, row in enumerate(rows)}
        _pictures.write(project, here, where, found)
        files = [here / where[row] for row in rows]
        total = sum(file.stat().st_size for file in files)
        if self.settings.pictures == "files" or (self.settings.pictures == "auto" and total > INLINE):
            return [f"/data/local-files/?d=images/{file.name}" for file in files], True
        inline = [f"data:image/{TYPES.get(file.suffix, 'png')};base64,{_base64(file)}" for file in files]
        for file in files:
            file.unlink()
        here.rmdir()
        return inline, False

    def _suffix(self, project: Exported, found: _pictures.Layout, row: int) -> str:
        return Path(_names.part(str(project.dataset.ids[row]))).suffix.lower() if found.root is not None else ".png"


def _task(project: Exported, facts: "pd.Series", sample: dict[str, Any]) -> dict[str, Any]:
    """One task: what is shown, who it is, and two predictions."""
    about = {name: facts[name] for name in ("id", "label", "verdict", "split")}
    about["content"] = str(project.dataset.hashes[int(facts.name)])
    for name in ("suspicion", "kind"):
        if name in facts and _plain(facts[name]) not in (None, ""):
            about[name] = _plain(facts[name])
    data = {**sample, **{f"datablame_{name}": value for name, value in about.items()}}
    return {"data": data, "predictions": _predictions(project, facts)}


def _predictions(project: Exported, facts: "pd.Series") -> list[dict[str, Any]]:
    """The label as it stands, and the model's answer with its probability."""
    targets = project.dataset.task.targets
    found = [{"model_version": "label as it stands", "result": result(targets, facts["label"])}]
    if "prediction" in facts:
        answer = {"model_version": "model", "result": result(targets, facts["prediction"])}
        score = _plain(facts.get("confidence"))
        found.append(answer if score is None else {**answer, "score": score})
    return [one for one in found if one["result"]]


def _plain(value: Any) -> Any:
    """A number or a word that JSON can hold."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _base64(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()
