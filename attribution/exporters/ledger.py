"""The ledger: every decision with its reason and evidence."""

from typing import TYPE_CHECKING

from attribution.exporters import register
from attribution.exporters.base import Exported, Exporter

if TYPE_CHECKING:
    import pandas as pd


@register("ledger")
class LedgerExport(Exporter):
    """A line per entry, the oldest first; old and new state in words."""

    title = "Decisions"
    summary = "Every relabel, drop, keep and undo with its time, author, reason and evidence, the oldest first."
    file = "ledger.csv"

    def table(self, project: Exported) -> "pd.DataFrame":
        return project.edits().sort_values("id", ignore_index=True)
