"""What to move in a folder of pictures so that it says what was decided: as a list, or as a shell script."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attribution.exporters import _names, _pictures, register
from attribution.exporters._known import kept, known
from attribution.exporters.base import Exported, Exporter

if TYPE_CHECKING:
    import pandas as pd

SCRIPT = """\
#!/bin/sh
# Moves pictures to the folders of their corrected labels, and dropped ones into a folder beside yours.
# Nothing is deleted or written over. Run it as: sh moves.sh FOLDER
set -eu
cd -- "${1:?the folder of the pictures}"
move() {
  if [ -e "$2" ]; then echo "there already: $2" >&2; exit 1; fi
  mkdir -p -- "$(dirname -- "$2")"
  mv -- "$1" "$2"
}
"""


@register("moves")
class MovesExport(Exporter):
    """A line per picture whose place changes: ``source``, ``target`` (both relative to the folder) and why.

    Dropped pictures go to a folder beside the user's (``../NAME-dropped``). The script moves and never deletes; it
    stops where a target is there already.
    """

    title = "List of moves"
    summary = (
        "Which pictures to move into which class folder, and which to take out, as a list or as a shell script that "
        "does it; nothing is copied."
    )
    file = "moves.csv"
    group = "data"
    formats = (".csv", ".sh", ".jsonl", ".parquet")

    def missing(self, project: Exported) -> str:
        if problem := _pictures.pictures_missing(project):
            return problem
        found = _pictures.layout(project)
        if found.root is None:
            return "The pictures did not come from a folder that is still there."
        return "" if found.by_folder else "The labels stand in metadata.csv, so no picture moves: write that instead."

    def size(self, project: Exported) -> int:
        return 160 * len(project.states())

    def table(self, project: Exported) -> "pd.DataFrame":
        import pandas as pd

        facts = known(project)
        stay = kept(project)
        where = _pictures.targets_of(project, np.flatnonzero(stay), _pictures.layout(project), facts)
        beside = f"../{_names.part(Path(project.data_config.path).expanduser().resolve().name)}-dropped"
        lines = [
            (facts["id"].iat[row], where[row] if stay[row] else f"{beside}/{_names.path(facts['id'].iat[row])}", row)
            for row in range(len(facts))
        ]
        moved = [(source, target, _why(facts, row)) for source, target, row in lines if source != target]
        return pd.DataFrame(moved, columns=["source", "target", "why"], dtype=object)

    def write(self, project: Exported, path: Path, suffix: str) -> None:
        if suffix != ".sh":
            super().write(project, path, suffix)
            return
        lines = [f"move {_word(line.source)} {_word(line.target)}" for line in self.table(project).itertuples()]
        path.write_text("\n".join([SCRIPT, *lines, ""]), encoding="utf-8", errors="surrogateescape")


def _why(facts: "pd.DataFrame", row: int) -> str:
    if facts["dropped"].iat[row]:
        return "dropped"
    given, label = facts["given"].iat[row], facts["label"].iat[row]
    return f"{given or 'no label'} -> {label}" if given != label else "name"


def _word(path: str) -> str:
    """A path as one word of the shell, which is never read as an option."""
    return shlex.quote(path if path.startswith("../") else f"./{path}")
