"""The corrected pictures as a folder: in the user's own layout, each in the folder of its label."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attribution.datasets.guard import marked
from attribution.exporters import _pictures, register
from attribution.exporters._known import ABOUT, kept, known
from attribution.exporters._writers import write_csv
from attribution.exporters.base import Exported, FolderExporter
from attribution.settings.ranges import Settings, opt

if TYPE_CHECKING:
    import pandas as pd

LISTED = ("id", "split", "given", "label", "verdict", "suspicion", "kind", "leak", "duplicate", "tags", "note")


@dataclass(frozen=True)
class FoldersSettings(Settings):
    """How the pictures get there."""

    files: str = opt(
        "copy",
        "copy, or link: hard links, which take no room (on the same disk, and not in an archive; who writes into one "
        "changes the other).",
        choices=("copy", "link"),
    )


@register("folders")
class FoldersExport(FolderExporter):
    """Every kept picture where its label says: ``train/dog/1.png`` that was called a cat lies in ``train/cat`` now.

    Folders as they were where they are the labels; where a metadata.csv holds them it is written anew; pictures of an
    archive become PNG files in SPLIT/CLASS. ``datablame.csv`` lists each with where it was, its given label and
    verdict. No name leads out of the folder, and none is written over another.
    """

    title = "Corrected pictures"
    summary = (
        "Your pictures in your own layout, each in the folder of its label as decided, without what was dropped; "
        "datablame.csv lists what was where."
    )
    file = "corrected.zip"
    group = "data"
    Settings = FoldersSettings
    settings: FoldersSettings

    def missing(self, project: Exported) -> str:
        return _pictures.pictures_missing(project)

    def size(self, project: Exported) -> int:
        return _pictures.size(project, np.flatnonzero(kept(project)))

    def fill(self, project: Exported, folder: Path) -> None:
        found = _pictures.layout(project)
        facts = known(project)
        rows = np.flatnonzero(kept(project))
        where = _pictures.targets_of(project, rows, found, facts)
        _pictures.write(project, folder, where, found, self.settings.files == "link")
        if found.root is not None and not found.by_folder:
            write_csv(marked(labels_table(project, facts, where)), folder / "metadata.csv", {})
        write_csv(listing(facts, where), folder / "datablame.csv", ABOUT)


def listing(facts: "pd.DataFrame", where: dict[int, str]) -> "pd.DataFrame":
    """A line per written picture: where it is now (``file``), and what is known of it."""
    rows = sorted(where)
    table = facts.loc[rows, [name for name in LISTED if name in facts]]
    table.insert(0, "file", [where[row] for row in rows])
    return table.reset_index(drop=True)


def labels_table(project: Exported, facts: "pd.DataFrame", where: dict[int, str]) -> "pd.DataFrame":
    """A metadata.csv: file_name, label, split and group under the names of the import."""
    import pandas as pd

    config = project.data_config
    rows = sorted(where)
    table = {
        "file_name": [where[row] for row in rows],
        config.label or "label": facts["label"].to_numpy()[rows],
        config.split or "split": facts["split"].to_numpy()[rows],
    }
    if config.group:
        table[config.group] = project.dataset.column("group").to_numpy()[rows]
    return pd.DataFrame(table)
