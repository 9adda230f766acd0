"""Decisions as callbacks: written to the ledger at once, with evidence, and a word to the user."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from attribution.errors import UserError
from attribution.project.project import Project
from attribution.views.faces import Face, face_of
from attribution.views.ledger import place_words
from attribution.views.numbers import plural
from pages.parts import context, states

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
    """Write one decision on ``rows`` (relabel, drop or keep) and say so (``said``: in these words); False when it was
    refused.

    ``expect`` is what was on screen: the last edit of every row that was shown. A decision on anything that changed
    since is dropped; where this session changed it a moment ago, a key came before the next item was drawn, and a hint
    says so.
    """
    details: dict[str, Any] = {"reason": reason, "evidence": evidence, "expect": expect}
    try:
        if action == "relabel":
            edits = project.relabel(rows, -1 if label is None else bare_values(label), **details)
        else:
            edits = (project.drop if action == "drop" else project.keep)(rows, **details)
    except UserError as error:
        if early(project, expect or {}):
            states.flash(EARLY, ":material/hourglass_empty:")
            context.readdress()
        else:
            states.flash_error(error)
        return False
    wrote(project, edits)
    if not edits:
        states.flash("Nothing to change: it is so already.", ":material/info:")
    elif said:
        states.flash(said)
    elif action == "relabel":
        face = face_of(project.dataset)
        states.flash(f"{plural(len(edits), 'sample')} {face.changed} {label_words(face, label)}. Saved in the ledger.")
    else:
        place = place_words(project.dataset.samples["split"].iloc[list(rows)])
        states.flash(
            f"{plural(len(edits), 'sample')} {f'taken out of {place}' if action == 'drop' else 'kept as they are'}. "
            "Saved in the ledger."
        )
    return True


def bare_values(label: Any) -> Any:
    """A target, or one for each row, as plain Python values."""
    if isinstance(label, Mapping):
        return {row: bare_values(value) for row, value in label.items()}
    return label.item() if hasattr(label, "item") else label


def label_words(face: Face, label: Any) -> str:
    """The target that was given, or "as suggested" where the samples were given several."""
    given = set(label.values()) if isinstance(label, Mapping) else {label or 0}
    return states.plain(face.word(given.pop())) if len(given) == 1 else "as suggested"


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
    states.flash(
        f"Took back {plural(len(edits), 'change')}." if edits else "There is nothing to undo.", ":material/undo:"
    )
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
    states.flash(
        f"Brought back {plural(len(edits), 'change')}." if edits else "There is nothing to redo.", ":material/redo:"
    )


def use(project: Project, run_id: str) -> None:
    """Callback: make a retrained model the current one."""
    project.use_run(run_id)
    states.flash("The retrained model is in use. Score and search again to ask it.")


def revert(project: Project, edit_ids: Sequence[int]) -> None:
    """Callback: take back chosen entries of the ledger."""
    try:
        edits = project.revert([int(edit) for edit in edit_ids])
    except UserError as error:
        states.flash_error(error)
        return
    wrote(project, edits)
    states.flash(f"Took back {plural(len(edits), 'change')}.", ":material/undo:")
