"""The corrected data as a table: the samples with the labels that the ledger says, without those that were dropped."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from attribution.datasets.guard import marked
from attribution.exporters import register
from attribution.exporters._known import ABOUT, PREFIX, kept, known
from attribution.exporters._own import OwnTable, own_table, relabelled
from attribution.exporters._writers import WRITERS
from attribution.exporters.base import Exported, Exporter
from attribution.modalities import modality_of
from attribution.settings.ranges import Settings, opt

if TYPE_CHECKING:
    import pandas as pd

BESIDE = ("given", "verdict", "suspicion", "kind", "leak", "duplicate", "tags", "note", "unsure")


@dataclass(frozen=True)
class DatasetSettings(Settings):
    """What is written beside the user's own columns, and which rows."""

    datablame_columns: bool = opt(
        True, "Add datablame_* columns: the label as it was given, the verdict, the suspicion, copies."
    )
    ids: bool = opt(False, "Add datablame_id, the id of each sample.")
    dropped_too: bool = opt(False, "Keep the rows that were dropped, too; datablame_verdict says so.")


@register("dataset")
class DatasetExport(Exporter):
    """The user's own columns in their order, with the label as it stands now, and ``datablame_*`` columns behind them.

    Where the file of the import is still there and holds the same samples, its rows are taken as they stand in it,
    those that the import left out as well; else what the project holds of them. The same settings read the result
    again: an import passes over ``datablame_*`` columns. Of pictures it is a ``metadata.csv``, to be put beside them.
    """

    title = "Corrected table"
    summary = (
        "The samples as decided and without what was dropped, with the columns of your file in their order and "
        "datablame_* columns behind them; of pictures, a metadata.csv to put into their folder."
    )
    file = "corrected.csv"
    group = "data"
    Settings = DatasetSettings
    settings: DatasetSettings
    about: ClassVar[Mapping[str, str]] = {f"{PREFIX}{name}": ABOUT[name] for name in BESIDE}

    def size(self, project: Exported) -> int:
        own = Path(project.data_config.path).expanduser()
        each = 60 if own.is_file() and own.suffix != ".npz" else 120
        return (own.stat().st_size if each == 60 else 0) + each * len(project.dataset)

    def table(self, project: Exported) -> "pd.DataFrame":
        own = own_table(project)
        return corrected(project, own, self.settings) if own else held(project, self.settings)

    def write(self, project: Exported, path: Path, suffix: str) -> None:
        table = self.table(project)
        WRITERS[suffix](marked(table) if suffix == ".csv" else table, path, self.about)


def corrected(project: Exported, own: OwnTable, settings: DatasetSettings) -> "pd.DataFrame":
    """The rows of the user's file that are kept, with today's labels."""
    import numpy as np

    facts = known(project)
    there = own.rows >= 0
    rows = own.rows[there]
    words = np.full(len(own.rows), "", dtype=object)
    words[there] = facts["label"].to_numpy(dtype=object)[rows]
    changed = np.zeros(len(own.rows), dtype=bool)
    changed[there] = (facts["label"] != facts["given"]).to_numpy()[rows]
    label = project.data_config.label
    table = own.frame.assign(**{label: relabelled(own.frame[label], words, changed)})
    if not own.split:
        table["split"] = _spread(facts["split"], own)
    for name in [*(["id"] if settings.ids else []), *beside(facts, settings)]:
        table[f"{PREFIX}{name}"] = _spread(facts[name], own)
    wanted = np.ones(len(own.rows), dtype=bool)
    wanted[there] = kept(project)[rows] | settings.dropped_too
    return table[wanted].reset_index(drop=True)


def held(project: Exported, settings: DatasetSettings) -> "pd.DataFrame":
    """The same from what the project holds: id, label, split, group, and text, columns or file names."""
    dataset = project.dataset
    config = project.data_config
    facts = known(project)
    content = modality_of(dataset).columns(dataset)
    about = {
        config.id or f"{PREFIX}id": dataset.ids,
        config.label or "label": facts["label"],
        config.split or "split": facts["split"],
    }
    if config.group:
        about[config.group] = dataset.column("group").to_numpy()
    if config.text:
        content = content.rename(columns={"text": config.text})
    for place, (name, values) in enumerate(about.items()):
        content.insert(place, name if name not in content else f"{PREFIX}{name}", values)
    for name in [*(["id"] if settings.ids else []), *beside(facts, settings)]:
        content[f"{PREFIX}{name}"] = facts[name]
    wanted = kept(project) | settings.dropped_too
    return content[wanted].reset_index(drop=True)


def beside(facts: "pd.DataFrame", settings: DatasetSettings) -> list[str]:
    """The columns of ``facts`` that are written as ``datablame_*``."""
    return [name for name in BESIDE if name in facts] if settings.datablame_columns else []


def _spread(column: "pd.Series", own: OwnTable) -> "pd.Series":
    """A column of the project's rows as one of the file's; nothing for rows that are not in the project."""
    import pandas as pd

    values = column.astype(object).reindex(own.rows)
    return pd.Series(values.where(own.rows >= 0, None).to_numpy(), index=own.frame.index).infer_objects()
