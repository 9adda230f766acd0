"""Only what was decided: a line per sample whose label changed, that was dropped, or that was kept after a look."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from attribution.exporters import register
from attribution.exporters._known import ABOUT, known
from attribution.exporters.base import Exported, Exporter
from attribution.modalities import modality_of
from attribution.settings.ranges import Settings, opt

if TYPE_CHECKING:
    import pandas as pd

NAMES = ("id", "split", "given", "label", "verdict", "suspicion", "kind", "leak", "duplicate", "tags", "note", "unsure")


@dataclass(frozen=True)
class ChangedSettings(Settings):
    """Which decisions."""

    kept_too: bool = opt(
        False, "Also samples that were looked at and kept as they are, and those that only carry marks."
    )


@register("changed")
class ChangedExport(Exporter):
    """Id, split, the label as given and as it stands now, verdict, what was found of it, reason, author and time, and
    the sample itself (text, columns, file name)."""

    title = "Changed samples only"
    summary = "A line per sample that was relabelled or dropped: before, after, why, by whom and when, and the sample."
    file = "changed.csv"
    group = "decisions"
    Settings = ChangedSettings
    settings: ChangedSettings
    about: ClassVar[Mapping[str, str]] = {name: ABOUT[name] for name in NAMES}

    def size(self, project: Exported) -> int:
        return 200 * len(project.states())

    def table(self, project: Exported) -> "pd.DataFrame":
        facts = known(project)
        changed = (facts["given"] != facts["label"]) | (facts["verdict"] == "drop")
        if self.settings.kept_too:
            changed |= facts["verdict"] != ""
            for name in ("tags", "note", "unsure"):
                changed |= facts[name].astype(bool) if name in facts else False
        edits = project.edits()
        edits = edits[edits["action"].isin(("relabel", "drop", "keep")) & ~edits["reverted"]].drop_duplicates("sample")
        why = edits.set_index("sample")[["reason", "author", "time"]]
        table = facts.loc[changed, [name for name in NAMES if name in facts]].join(why, on="id")
        content = modality_of(project.dataset).columns(project.dataset).loc[table.index]
        content = content.rename(columns=lambda name: f"sample:{name}" if name in table else name)
        return table.join(content).reset_index(drop=True)
