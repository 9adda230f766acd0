"""Replay decisions that come from elsewhere: each is checked against the sample it is about; all of them, or none."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.datasets.chat.rewriting import place
from attribution.errors import UserError
from attribution.exporters._patch import Line, Patch
from attribution.storage.ledger import Edit, Step
from attribution.storage.states import State, mark_value

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset
    from attribution.storage.ledger import Ledger

SHOWN = 5


@dataclass(frozen=True)
class Conflict:
    """A sample that is not what the patch expects: what it expects, and what is there, in words."""

    id: str
    expects: str
    found: str

    def __str__(self) -> str:
        return f"{self.id}: expects {self.expects}; there is {self.found}"


@dataclass
class Applied:
    """What a patch does here. ``changes`` and ``already`` count samples that it changes and that are as it says
    already; ``moved`` those found by their content under another id. ``edits`` are the entries that were written."""

    changes: int = 0
    already: int = 0
    moved: int = 0
    conflicts: list[Conflict] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)

    def __str__(self) -> str:
        moved = f" ({self.moved:,} found by their content under another id)" if self.moved else ""
        return (
            f"{self.changes:,} samples to change{moved}, {len(self.conflicts):,} conflicts, {self.already:,} as the "
            "patch says already"
        )

    def check(self) -> None:
        """``UserError`` with the first conflicts, if there are any."""
        if not self.conflicts:
            return
        shown = "; ".join(map(str, self.conflicts[:SHOWN]))
        more = len(self.conflicts) - SHOWN
        raise UserError(
            f"{len(self.conflicts):,} samples are not what the patch expects: {shown}"
            + (f"; and {more:,} more." if more > 0 else "."),
            "A decision made on another sample or label may be wrong here, so nothing was written.",
            "Settle them in the review, or take their lines out of the patch, and apply it again.",
        )


def apply(patch: Patch, dataset: "Dataset", ledger: "Ledger", dry_run: bool = False) -> Applied:
    """Check every line of the patch, and write what changes as one batch of the ledger, all or nothing.

    A sample is found by its id and must have the content it had; else by its content, where one sample alone has it.
    Applied twice, the second time changes nothing. ``UserError`` for conflicts, unless it is a ``dry_run``, which
    writes nothing and lists them.
    """
    found = Applied()
    places = _Places(dataset)
    steps: list[Step] = []
    expect: dict[str, int] = {}
    states = ledger.states()
    for line in patch.lines:
        row, unlike = places.of(line)
        if row >= 0:
            name = str(dataset.ids[row])
            base = dataset.task.targets.word(dataset.labels[row])
            state, last = states.get(name, (State(base, bool(base)), 0))
            if mine := _taken(found, line, name, state, dataset, patch.source):
                steps += mine
                expect[name] = last
        elif line.verdict == "drop":  # what was to be dropped is gone
            found.already += 1
        else:
            found.conflicts.append(unlike)
    if not dry_run:
        found.check()
        found.edits = ledger.apply_all(steps, expect)
    return found


def _taken(found: Applied, line: Line, name: str, state: State, dataset: "Dataset", source: str) -> list[Step]:
    """What is to be done about a sample that was found, entered into ``found``; [] where nothing is or may be."""
    steps = list(_steps(line, name, state, source))
    if not steps:
        found.already += 1
    elif against := _against(line, name, state, dataset):
        found.conflicts.append(against)
        return []
    else:
        found.changes += 1
        found.moved += name != line.id
    return steps


class _Places:
    """Finds the sample that a line is about."""

    def __init__(self, dataset: "Dataset") -> None:
        self._dataset = dataset
        self._by_content: dict[str, list[int]] = {}
        for row, content in enumerate(dataset.hashes):
            self._by_content.setdefault(str(content), []).append(row)

    def of(self, line: Line) -> tuple[int, Conflict]:
        """Its row, and -1 with the reason where there is none."""
        row = self._dataset.row_of(line.id)
        none = Conflict("", "", "")
        if row is not None and line.content in ("", str(self._dataset.hashes[row])):
            return row, none
        same = self._by_content.get(line.content, []) if line.content else []
        if len(same) == 1:
            return same[0], none
        if row is None:
            others = f"{len(same)} samples with this content" if same else "no sample of this id or content"
            return -1, Conflict(line.id, f"the content {line.content or 'of this id'}", others)
        return -1, Conflict(line.id, f"the content {line.content}", f"other content ({self._dataset.hashes[row]})")


def _steps(line: Line, name: str, state: State, source: str) -> Iterator[Step]:
    """What is to be done so that the sample is as the line says; nothing where it is."""
    evidence = {"patch": source, **{at: value for at in ("author", "time") if (value := getattr(line, at))}}

    def step(action: str, value: str | None = None) -> Step:
        return Step(action, name, value, line.reason, evidence)

    if not _decided(line, state):
        if line.verdict == "relabel" or state.label != line.label:
            yield step("relabel", line.label)
        if line.verdict != "relabel":
            yield step(line.verdict)
    for tag in line.tags:
        if (word := mark_value("tag", tag)) not in state.tags:
            yield step("tag", word)
    if line.note and state.note != mark_value("note", line.note):
        yield step("note", mark_value("note", line.note))
    if line.unsure and not state.unsure:
        yield step("unsure")


def _decided(line: Line, state: State) -> bool:
    """Whether the sample is as the line decides; the label alone counts where it was written into the data."""
    written = line.verdict == "relabel" and state.active and state.label == line.label
    return not line.verdict or written or (state.label, state.verdict) == (line.label, line.verdict)


def _against(line: Line, name: str, state: State, dataset: "Dataset") -> Conflict | None:
    """Why the line cannot be applied to the sample as it is; None where it can."""
    targets = dataset.task.targets
    if not _decided(line, state):
        if (state.label, state.verdict) != (line.was_label, line.was_verdict):
            return Conflict(name, _words(line.was_label, line.was_verdict), _words(state.label, state.verdict))
        try:
            value = targets.value_of(line.label) if line.label else None
        except UserError as error:
            return Conflict(name, f"that {line.label!r} is possible", f"none of it ({error.do or error.what})")
        if line.verdict != "drop" and value is None:
            return Conflict(name, "a label", "none to give")
        if targets.rewrites and value and not place(dataset.folder, value).is_file():
            return Conflict(name, f"the text {line.label}", "no such file in data/rewritten: rewrite the row here, too")
    if line.note and state.note and state.note != mark_value("note", line.note):
        return Conflict(name, "no note", f"the note {state.note[:60]!r}")
    return None


def _words(label: str, verdict: str) -> str:
    return f"{label or 'no label'}{f' ({verdict})' if verdict else ', undecided'}"


def on_files(patch: Patch, data: Path, out: Path, dry_run: bool, options: dict[str, Any]) -> Applied:
    """Apply a patch to files without a project: read ``data`` as the patch says it was read (``options`` change that),
    and write the result to the new ``out`` in the same layout."""
    import tempfile

    from attribution.datasets.readers.base import reader_of
    from attribution.exporters.base import export, usual
    from attribution.project import home
    from attribution.project.project import Project
    from attribution.settings.configs import DataConfig, from_dict

    if not dry_run and out.exists():
        raise UserError(f"{out} is there already.", "It would be overwritten.", "Choose another name, or remove it.")
    config = from_dict(
        DataConfig, {**patch.about.get("read", {}), **options, "path": str(data.expanduser().absolute())}
    )
    with tempfile.TemporaryDirectory(prefix="datablame-") as folder:
        project = Project.open(home.without_model(Path(folder, "project"), config))
        found = apply(patch, project.dataset, project.ledger, dry_run)
        if not dry_run:
            known = {"table": "dataset", "npz": "npz", "folder": "folders"}
            name = known.get(reader_of(config.path).name) or usual(project)[0]
            export(project, name, out, {"datablame_columns": False} if name == "dataset" else {})
    return found
