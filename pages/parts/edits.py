"""Decisions as callbacks: written to the ledger at once, with evidence, and a word to the user."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from attribution.errors import UserError
from attribution.project import Project
from attribution.views.numbers import plural
from pages.parts import states


def decided(
    project: Project,
    action: str,
    rows: Sequence[int],
    label: int | Mapping[int, int] | None = None,
    reason: str = "",
    evidence: Mapping[str, Any] | None = None,
    expect: Mapping[int, int] | None = None,
) -> bool:
    """Write one decision on ``rows`` (relabel, drop or keep) and say so; False, with the error shown after the rerun, when it was refused."""
    details: dict[str, Any] = {"reason": reason, "evidence": evidence, "expect": expect}
    try:
        if action == "relabel":
            edits = project.relabel(rows, -1 if label is None else label, **details)
        else:
            edits = (project.drop if action == "drop" else project.keep)(rows, **details)
    except UserError as error:
        states.flash_error(error)
        return False
    if not edits:
        states.flash("Nothing to change: it is so already.", ":material/info:")
    elif action == "relabel":
        states.flash(f"{plural(len(edits), 'sample')} relabelled {label_words(project, label)}. Saved in the ledger.")
    else:
        states.flash(
            f"{plural(len(edits), 'sample')} {'taken out of training' if action == 'drop' else 'kept as labelled'}. Saved in the ledger."
        )
    return True


def label_words(project: Project, label: int | Mapping[int, int] | None) -> str:
    """The class that was given, or "as suggested" where the samples were given several."""
    given = set(label.values()) if isinstance(label, Mapping) else {int(label or 0)}
    return states.plain(project.classes[given.pop()]) if len(given) == 1 else "as suggested"


def decide(project: Project, action: str, rows: Sequence[int], *details: Any) -> None:
    """Callback: ``decided`` with its further arguments in order."""
    decided(project, action, rows, *details)


def from_menu(
    project: Project, key: str, rows: Sequence[int], reason: str, evidence: Mapping[str, Any] | None, expect: Mapping[int, int] | None
) -> None:
    """Callback of a "Relabel" menu: the chosen class is the menu's value."""
    name = st.session_state.get(key)
    if name in project.classes:
        decide(project, "relabel", rows, project.classes.index(name), reason, evidence, expect)


def undo(project: Project) -> None:
    """Callback: take back the newest decision."""
    undone(project)


def undone(project: Project) -> list[str]:
    """Take back the newest decision and say so; the ids of its samples."""
    try:
        edits = project.undo()
    except UserError as error:
        states.flash_error(error)
        return []
    states.flash(f"Took back {plural(len(edits), 'change')}." if edits else "There is nothing to undo.", ":material/undo:")
    return [edit.sample for edit in edits]


def redo(project: Project) -> None:
    """Callback: bring back what the newest undo took away."""
    try:
        edits = project.redo()
    except UserError as error:
        states.flash_error(error)
        return
    states.flash(f"Brought back {plural(len(edits), 'change')}." if edits else "There is nothing to redo.", ":material/redo:")


def revert(project: Project, edit_ids: Sequence[int]) -> None:
    """Callback: take back chosen entries of the ledger."""
    try:
        edits = project.revert([int(edit) for edit in edit_ids])
    except UserError as error:
        states.flash_error(error)
        return
    states.flash(f"Took back {plural(len(edits), 'change')}.", ":material/undo:")
