"""Chats as decided, in the schema that they came in: every other column and the order of lines kept."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.errors import UserError
from attribution.exporters import register
from attribution.exporters._known import kept
from attribution.exporters.base import Exported, Exporter
from attribution.settings.ranges import Settings, opt

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ChatSettings(Settings):
    """Which rows are written."""

    split: str = opt("all", "Rows of this split alone: train, val or test.", choices=("all", "train", "val", "test"))
    dropped_too: bool = opt(False, "Keep the rows that were dropped, too.")


@register("chat")
class ChatExport(Exporter):
    """The user's rows in the order of their file, rewritten ones with their new words, without the dropped ones.

    A line of JSON that nobody rewrote is written as it stood, letter for letter. Rows in which the import found no
    conversation are not among them. An import reads the result again, to the same rows.
    """

    title = "Chats in your own schema"
    summary = (
        "Your rows as decided, in the schema and the order that they came in, with every other column: dropped rows "
        "are left out, rewritten answers are in place, and all other lines are as they were."
    )
    file = "cleaned.jsonl"
    group = "data"
    formats = (".jsonl", ".json", ".parquet")
    Settings = ChatSettings
    settings: ChatSettings

    def missing(self, project: Exported) -> str:
        return "" if project.dataset.task.targets.rewrites else "The samples are no conversations."

    def size(self, project: Exported) -> int:
        own = Path(project.data_config.path).expanduser()
        return own.stat().st_size if own.is_file() else 0

    def table(self, project: Exported) -> "pd.DataFrame":
        """The rows as a table of their columns."""
        import pandas as pd

        return pd.DataFrame([json.loads(text) for text in self.lines(project)])

    def lines(self, project: Exported) -> Iterator[str]:
        """The rows as JSON texts, in the order of the file."""
        from attribution.datasets.chat.conversation import ROW
        from attribution.datasets.chat.write import in_file_order

        texts = project.dataset.as_of(project.labels).column(ROW).to_numpy(dtype=object)
        wanted = kept(project) | self.settings.dropped_too
        chosen = project.dataset.rows(self.settings.split)
        order = in_file_order(project.dataset)
        chosen = order[np.isin(order, chosen[wanted[chosen]])]
        if not len(chosen):
            raise UserError("No row is left.", "Every one of them was dropped.", "Take some of the drops back.")
        return (str(texts[row]) for row in chosen)

    def write(self, project: Exported, path: Path, suffix: str) -> None:
        if suffix == ".parquet":
            _write_parquet([json.loads(text) for text in self.lines(project)], path)
            return
        first, between, last = ("", "\n", "\n") if suffix == ".jsonl" else ("[\n", ",\n", "\n]\n")
        with open(path, "w", encoding="utf-8", newline="") as stream:
            stream.write(first)
            for place, text in enumerate(self.lines(project)):
                stream.write(between * (place > 0) + text)
            stream.write(last)


def _write_parquet(records: list[dict[str, Any]], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = list(dict.fromkeys(name for record in records for name in record))
    try:
        table = pa.table({name: [record.get(name) for record in records] for name in names})
    except (pa.ArrowException, OverflowError) as cause:
        raise UserError(
            f"The rows are no Parquet table: {cause}.", "Their columns hold values of several kinds.", "Write .jsonl."
        ) from cause
    pq.write_table(table, path, compression="zstd")
