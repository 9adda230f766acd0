"""Which edits were chosen by looking at the very test predictions that a proof is then judged on."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from attribution.storage import database

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset

ASKED = (
    "SELECT e.sample, e.evidence FROM current c JOIN edits e ON e.id = c.edit WHERE instr(e.evidence, '\"query\"') > 0"
)


def chosen_on_test(path: Path, dataset: "Dataset", rows: Iterable[int]) -> int:
    """How many of the samples at ``rows`` have a newest decision whose evidence names test samples that influence was
    asked about.

    ``path`` is the project's database. The evidence is what the Influence page showed: the ids asked about, up to five,
    by commas.
    """
    wanted = set(rows)
    test = {str(name) for name in dataset.ids[dataset.rows("test")]}
    if not path.exists():
        return 0
    with database.connect(path) as db:
        asked = {sample: str(json.loads(text).get("query", "")) for sample, text in db.execute(ASKED)}
    found = dataset.rows_of(list(asked)).tolist()
    return sum(
        row in wanted and bool(test & {query, *query.split(",")})
        for row, query in zip(found, asked.values(), strict=True)
    )
