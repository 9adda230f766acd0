"""The states that are not "ready": nothing yet, and an error in words with its remedy."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from attribution.errors import UserError
from pages.parts.text import plain

BAR_S = 9.0  # as long as it stands in the window's lower corner (``frame.STYLE``)


def empty(
    title: str,
    sentence: str,
    button: str = "",
    on_click: Callable[[], None] | None = None,
    icon: str = ":material/hourglass_empty:",
) -> None:
    """What will be here, and the button that fills it."""
    with st.container(border=True, horizontal_alignment="center"):
        st.space("small")
        st.markdown(f"#### {icon} {title}", text_alignment="center")
        st.markdown(sentence, text_alignment="center")
        if button:
            st.button(button, type="primary", on_click=on_click, key=f"empty-{button}")
        st.space("small")


def error_box(error: UserError | dict[str, str]) -> None:
    """What is wrong, why it matters, what to do."""
    parts = error if isinstance(error, dict) else {"what": error.what, "why": error.why, "do": error.do}
    st.error(
        f"**{plain(parts.get('what', ''))}**  \n{plain(parts.get('why', ''))} {plain(parts.get('do', ''))}".rstrip(),
        icon=":material/error:",
    )


def want(what: str, value: Any) -> None:
    """Callback: ask for work that draws while it runs; the page finds it with ``wanted`` and does it once."""
    st.session_state[f"want-{what}"] = value


def wanted(what: str) -> Any:
    """What was asked for since the page was last drawn, or None."""
    return st.session_state.pop(f"want-{what}", None)


def flash(message: str, icon: str = ":material/check:", undo: tuple[Any, int] | None = None) -> None:
    """Say something after the next rerun; callbacks cannot draw. ``undo``: the project and an entry of the batch that a
    button beside the words takes back."""
    st.session_state.setdefault("flashes", []).append((message, icon, undo))


def flash_error(error: UserError) -> None:
    """Show an error at the top of the page after the next rerun."""
    st.session_state["flash_error"] = {"what": error.what, "why": error.why, "do": error.do}


def show_flashes(take_back: Callable[[Any, int], None]) -> None:
    """Draw what the last callback had to say. A decision stands at the window's lower edge with its *Undo*, which hands
    the project and the entry to ``take_back``: a toast holds no button, and no key of its own."""
    for message, icon, undo in st.session_state.pop("flashes", []):
        st.session_state["bar"] = (message, icon, undo, time.monotonic()) if undo is not None else None
        if undo is None:
            st.toast(message, icon=icon)
    bar = st.session_state.get("bar")
    if bar is not None and time.monotonic() - bar[3] < BAR_S:
        message, icon, (project, entry), _ = bar
        with st.container(key="undo-bar", horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"{icon} {message}")
            st.button(
                "Undo", key=f"undo-batch-{entry}", icon=":material/undo:", on_click=take_back, args=(project, entry)
            )
    problem = st.session_state.pop("flash_error", None)
    if problem:
        error_box(problem)


def metric(cell: Mapping[str, str], **more: Any) -> None:
    """A number of ``label``, ``value``, ``delta`` and ``help``; each may hold words of the user's, such as a unit."""
    st.metric(
        plain(cell["label"]),
        plain(cell["value"]),
        delta=plain(cell["delta"]) or None,
        help=plain(cell["help"]) or None,
        delta_color="off",
        delta_arrow="off",
        **more,
    )
