"""The decisions as a patch: `datablame apply` replays them on another copy of the data."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.exporters import register
from attribution.exporters._patch import Line, Patch, write_patch
from attribution.exporters.base import Exported, Exporter
from attribution.settings.configs import to_dict
from attribution.storage.states import ACTIONS, State

if TYPE_CHECKING:
    import pandas as pd

HOW = ("path", "max_gigabytes", "max_megapixels")  # settings of an import that say where and how much, not what


@register("patch")
class PatchExport(Exporter):
    """A line per sample that was decided on or marked: its id and the hash of its content, the label that it must have
    before, the one that it is to have, verdict, marks, reason, author and time.

    The first line says which data it is for and how they are read. What was decided and taken back is not in it.
    """

    title = "Patch"
    summary = (
        "Every decision and mark that stands, with id, content hash and the label it expects; `datablame apply` "
        "replays it on another copy of the data, checks each sample and shows conflicts."
    )
    file = "edits.jsonl"
    group = "decisions"
    formats = (".jsonl",)

    def size(self, project: Exported) -> int:
        return 260 * len(project.states())

    def table(self, project: Exported) -> "pd.DataFrame":
        import pandas as pd

        return pd.DataFrame([vars(line) for line in patch_of(project).lines])

    def write(self, project: Exported, path: Path, suffix: str) -> None:
        write_patch(patch_of(project), path)


def patch_of(project: Exported) -> Patch:
    """What stands in the ledger, as a patch."""
    dataset = project.dataset
    about = {
        "name": project.name,
        "data": project.info.base_hash,
        "samples": len(dataset),
        "version": project.labels.version,
        "read": {name: value for name, value in to_dict(project.data_config).items() if name not in HOW},
    }
    why = {edit.sample: edit for edit in project.ledger.entries() if edit.action in ACTIONS}
    lines = []
    states = project.ledger.states()
    rows = dataset.find(list(states))
    for row in sorted(rows[rows >= 0].tolist()):
        state = states[str(dataset.ids[row])][0]
        base = dataset.task.targets.word(dataset.labels[row])
        if state.verdict or state.marked or state.label != base:
            lines.append(_line(dataset, row, base, state, why.get(str(dataset.ids[row]))))
    return Patch(tuple(lines), about)


def _line(dataset: Any, row: int, base: str, state: State, edit: Any) -> Line:
    decided = edit is not None and edit.new.verdict == state.verdict
    return Line(
        id=str(dataset.ids[row]),
        content=str(dataset.hashes[row]),
        was_label=base,
        was_verdict="",
        label=state.label,
        verdict=state.verdict,
        tags=state.tags,
        note=state.note,
        unsure=state.unsure,
        reason=edit.reason if decided else "",
        author=edit.author if decided else "",
        time=datetime.fromtimestamp(edit.time_s, UTC).isoformat(timespec="seconds") if decided else "",
    )
