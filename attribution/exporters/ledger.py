"""The ledger: every decision with its reason and evidence."""

from typing import TYPE_CHECKING

from attribution.exporters import register
from attribution.exporters.base import Exported, Exporter

if TYPE_CHECKING:
    import pandas as pd


@register("ledger")
class LedgerExport(Exporter):
    """A line per entry, the oldest first; old and new state in words."""

    title = "Ledger"
    summary = (
        "Every relabel, drop, keep, tag, note and undo with its time, author, reason and evidence, the oldest first."
    )
    file = "ledger.csv"
    group = "decisions"

    def size(self, project: Exported) -> int:
        return 220 * project.edit_count()

    def table(self, project: Exported) -> "pd.DataFrame":
        return project.edits().sort_values("id", ignore_index=True)
