"""Ways on: a figure that is clicked opens the page that shows what it counts, narrowed by filter words."""

from typing import Any

import streamlit as st

from pages.parts import context, frame


def to(page: str, find: str = "", **shared: str) -> None:
    """Callback: open a page with this filter and other shared values."""
    context.put(find=find, **shared)
    frame.go(page)


def button(
    words: str, key: str, page: str, find: str = "", icon: str = "", kind: Any = "tertiary", **shared: str
) -> None:
    """A button that leads on."""
    shown = f":material/{icon}:" if icon else None
    st.button(words, key=key, icon=shown, type=kind, on_click=to, args=(page, find), kwargs=shared)
