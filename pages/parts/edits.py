"""Decisions as callbacks: written to the ledger at once, with evidence, and a word to the user."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from attribution.errors import UserError
from attribution.project.project import Project
from attribution.storage.states import MARKS
from attribution.views.faces import face_of
from attribution.views.ledger import said
from attribution.views.numbers import plural
from pages.parts import context, states

if TYPE_CHECKING:
    from attribution.storage.ledger import Edit

EARLY = "Not taken: it came before the next one was on screen. Look at what is there now, and decide anew."


def decided(
    project: Project,
    action: str,
    rows: Sequence[int],
    label: Any = None,
    reason: str = "",
    evidence: Mapping[str, Any] | None = None,
    expect: Mapping[int, int] | None = None,
    said: str = "",
) -> bool:
    """Write one decision or mark on ``rows`` and say so (``said``: with these words behind it); False when it was
    refused.

    ``expect`` is what was on screen: the last edit of every row that was shown. A decision on anything that changed
    since is dropped; where this session changed it a moment ago, a key came before the next item was drawn, and a hint
    says so.
    """
    try:
        made = _made(project, action, rows, label, {"reason": reason, "evidence": evidence, "expect": expect})
    except UserError as error:
        if early(project, expect or {}):
            states.flash(EARLY, ":material/hourglass_empty:")
            context.readdress()
        else:
            states.flash_error(error)
        return False
    wrote(project, made)
    if made:
        # the button takes back exactly these
        more = f" · {said}" if said else ""
        states.flash(f"{in_words(project, made)}{more}", undo=(project, made[0].id))
    else:
        states.flash("Nothing to change: it is so already.", ":material/info:")
    return True


def _made(project: Project, action: str, rows: Sequence[int], value: Any, details: dict[str, Any]) -> Sequence["Edit"]:
    """The entries of one decision or mark."""
    if action == "relabel":
        return project.relabel(rows, -1 if value is None else bare_values(value), **details)
    if action == "rewrite":
        return project.rewrite(rows[0], value, **details)
    if action in ("unsure", "sure"):
        return project.unsure(rows, action == "unsure", **details)
    if action in MARKS:
        return getattr(project, action)(rows, value, **details)
    return (project.drop if action == "drop" else project.keep)(rows, **details)


def in_words(project: Project, made: Sequence["Edit"], n: int = 0) -> str:
    """What these entries, one batch, did and to which sample, as text; ``n`` as in ``views.ledger.said``."""
    known = [project.dataset.row_of(edit.sample) for edit in made]
    rows = [row for row in known if row is not None]
    face = face_of(project.dataset)
    targets = project.dataset.task.targets

    def word(label: str) -> str:
        return face.word(targets.encode([label]).tolist()[0])

    return states.plain(said(made, project.dataset.samples["split"].iloc[rows].unique(), word, n))


def bare_values(label: Any) -> Any:
    """A target, or one for each row, as plain Python values."""
    if isinstance(label, Mapping):
        return {row: bare_values(value) for row, value in label.items()}
    return label.item() if hasattr(label, "item") else label


def wrote(project: Project, edits: Sequence[Any]) -> None:
    """Remember that this session wrote these entries."""
    if edits:
        st.session_state.setdefault("wrote", []).append((str(project.folder), edits[0].id, edits[-1].id))


def early(project: Project, expect: Mapping[int, int]) -> bool:
    """Whether all that changed since it was shown was changed by this session: the page was a step behind."""
    now = project.states()["edit"].reindex(list(expect), fill_value=0)
    changed = [int(entry) for row, entry in now.items() if entry != expect[row]]
    mine = [(first, last) for folder, first, last in st.session_state.get("wrote", []) if folder == str(project.folder)]
    return bool(changed) and all(any(first <= entry <= last for first, last in mine) for entry in changed)


def decide(project: Project, action: str, rows: Sequence[int], *details: Any) -> None:
    """Callback: ``decided`` with its further arguments in order."""
    decided(project, action, rows, *details)


def from_menu(
    project: Project,
    key: str,
    rows: Sequence[int],
    reason: str,
    evidence: Mapping[str, Any] | None,
    expect: Mapping[int, int] | None,
) -> None:
    """Callback of a "Relabel" menu: the chosen class is the menu's value."""
    name = st.session_state.get(key)
    if name in project.classes:
        decide(project, "relabel", rows, project.classes.index(name), reason, evidence, expect)


def undo(project: Project) -> None:
    """Callback: take back the newest decision."""
    undone(project)


def undone(project: Project) -> list[str]:
    """Take back the newest decision and say so; the ids of its samples. One that was made after this page was drawn, by
    another window of the same user, is not on screen and stays."""
    try:
        unseen(project, project.ledger.to_undo())
        edits = project.undo()
    except UserError as error:
        states.flash_error(error)
        return []
    wrote(project, edits)
    told(project, edits, "Took back", "There is nothing to undo.")
    return [edit.sample for edit in edits]


def unseen(project: Project, newest: Any) -> None:
    """``UserError`` when this entry was made after this session last drew a page, and not by this session."""
    folder, last = st.session_state.get("drawn", ("", 0))
    mine = [(first, last) for where, first, last in st.session_state.get("wrote", []) if where == str(project.folder)]
    if (
        newest is None
        or folder != str(project.folder)
        or newest.id <= last
        or any(a <= newest.id <= b for a, b in mine)
    ):
        return
    raise UserError(
        f"The newest decision is another one by now: entry {newest.id}, {newest.action} of {newest.sample}.",
        "It was made elsewhere after this page was drawn, so nothing was changed.",
        "It is shown now; press again if it is the one that you mean.",
    )


def redo(project: Project) -> None:
    """Callback: bring back what the newest undo took away."""
    try:
        unseen(project, project.ledger.to_undo(undone=True))
        edits = project.redo()
    except UserError as error:
        states.flash_error(error)
        return
    wrote(project, edits)
    told(project, edits, "Brought back", "There is nothing to redo.")


def told(project: Project, made: Sequence["Edit"], verb: str, nothing: str) -> None:
    """Say what was taken or brought back."""
    icon = ":material/undo:" if verb == "Took back" else ":material/redo:"
    if not made:
        states.flash(nothing, icon)
        return
    states.flash(f"{verb} {plural(len(made), 'change')}: {in_words(project, made)}", icon)


def use(project: Project, run_id: str) -> None:
    """Callback: make a retrained model the current one."""
    project.use_run(run_id)
    states.flash("The retrained model is in use. Score and search again to ask it.")


def revert(project: Project, edit_ids: Sequence[int]) -> None:
    """Callback: take back chosen entries of the ledger."""
    reverted(project, edit_ids)


def reverted(project: Project, edit_ids: Sequence[int]) -> Sequence["Edit"]:
    """Take back chosen entries of the ledger and say so; the entries that this made."""
    try:
        edits = project.revert([int(edit) for edit in edit_ids])
    except UserError as error:
        states.flash_error(error)
        return []
    wrote(project, edits)
    told(project, edits, "Took back", "There is nothing to undo.")
    return edits


def undo_of(project: Project, row: int, version: int) -> None:
    """Callback of a card: take back the decision on this sample that was in force when it was shown, whatever marks
    came since."""
    entry = project.decision_on(row, version)
    if entry is None:
        states.flash("There is nothing to undo.", ":material/undo:")
    else:
        revert(project, [entry])


def revert_batch(project: Project, first: int) -> None:
    """Callback of the bar under a decision: take back what is still in force of the batch of this entry, and have
    Review show its sample again."""
    made = reverted(project, project.revertible([first], together=True))
    if made:
        context.put(item=made[-1].sample)
