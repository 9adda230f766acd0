"""Giving samples another target, where a page offers it: a menu of classes, a field for a number, ticks for a set."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from pages.parts import edits, states
from pages.parts.context import Sight


def change(
    sight: Sight,
    rows: Sequence[int],
    key: str,
    reason: str,
    evidence: Mapping[str, Any] | None,
    expect: Mapping[int, int] | None,
    title: str = "",
) -> None:
    """A button that opens the choice of another target for these rows, as one entry of the ledger."""
    face, project = sight.face, sight.project
    title = title or face.change
    if not face.told:
        if len(rows) == 1:
            with st.popover(title, key=f"open-{key}"):
                _written(sight, int(rows[0]), key, {"reason": reason, "evidence": evidence, "expect": expect})
        return

    def give(value: Any) -> None:
        edits.decide(project, "relabel", rows, value, reason, evidence, expect)

    if face.picks:
        only = sight.labels.values[rows[0]] if len(rows) == 1 else None
        names = [name for value, name in enumerate(face.choices()) if value != only]
        args = (project, key, rows, reason, evidence, expect)
        st.menu_button(title, names, key=key, format_func=states.plain, on_click=edits.from_menu, args=args)
        return
    with st.popover(title, key=f"open-{key}"):
        field(sight, key, sight.labels.values[rows[0]] if len(rows) == 1 else None, give)


def _written(sight: Sight, row: int, key: str, details: Mapping[str, Any]) -> None:
    """What the model learns from a row, to be written anew; the button sends it."""
    said = [turn.content for turn in sight.dataset.conversation(row).turns if turn.trained]
    if not said:
        st.caption("The model learns nothing from this row, so there is no answer to write anew.")
        return

    def sent() -> None:
        text = st.session_state.get(f"value-{key}")
        if text is not None:
            edits.decided(sight.project, "rewrite", [row], text, **details)

    with st.form(f"form-{key}", border=False):
        st.text_area(
            "What the model shall learn to say",
            said[-1],
            key=f"value-{key}",
            height=160,
            width=420,
            help="The last turn that it is trained on. Your file is not touched: the new words are in what you export, "
            "and Undo takes them back.",
        )
        st.form_submit_button("Save", key=f"set-{key}", type="primary", on_click=sent)


def field(sight: Sight, key: str, shown: Any, give: Callable[[Any], None], label: str = "") -> None:
    """A field for a target of those that are typed or ticked, filled with ``shown`` (None: empty); Enter or the button
    hands it to ``give``."""
    (_ticked if sight.face.choices() else _typed)(sight, key, shown, give, label)


def _typed(sight: Sight, key: str, shown: Any, give: Callable[[Any], None], label: str) -> None:
    """A number; Enter sends it."""
    face = sight.face
    unit = f" ({sight.project.dataset.task.target_unit})" if sight.project.dataset.task.target_unit else ""
    start = float(shown) if shown is not None and np.isfinite(shown) else None

    def sent() -> None:
        value = st.session_state.get(f"value-{key}")
        if value is not None:
            give(float(value))

    with (
        st.form(f"form-{key}", border=False, enter_to_submit=True),
        st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall"),
    ):
        words = label or f"Another {face.noun}"
        st.number_input(
            f"{words}{states.plain(unit)}", value=start, key=f"value-{key}", width=190, format="%g", step=None
        )
        st.form_submit_button(face.change, key=f"set-{key}", on_click=sent)


def _ticked(sight: Sight, key: str, shown: Any, give: Callable[[Any], None], label: str) -> None:
    """A set of labels; the button sends it."""
    face = sight.face
    targets = sight.project.dataset.task.targets
    names = list(face.choices())
    bits = 0 if shown is None or int(shown) < 0 else int(shown)
    start = [name for bit, name in enumerate(names) if bits >> bit & 1]

    def sent() -> None:
        chosen = st.session_state.get(f"value-{key}") or []
        give(int(targets.value_of(list(chosen))))

    with st.form(f"form-{key}", border=False):
        st.multiselect(
            label or "Labels", names, default=start, key=f"value-{key}", format_func=states.plain, placeholder="None"
        )
        st.form_submit_button(face.change, key=f"set-{key}", on_click=sent)
