"""Keys: what is pressed belongs to what is on screen, and ? lists all keys of the page.

A key that comes too early is not taken, and the page says so at once. The server's own guard is in ``edits`` (what was
shown travels with every decision). This is the hint in the browser, where a key would otherwise vanish without a word:
before the first item stands, or while the next one is still being drawn. Streamlit gives keys to buttons; to fields, to
Enter and to ? the browser's part gives them here.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from html import escape
from pathlib import Path

import streamlit as st

SCRIPT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
SHOW = (
    '<button data-show-keys title="All keys of this page" style="all:unset;cursor:pointer;font-size:.85rem;opacity:.7">'
    'Keys <kbd style="border:1px solid #8886;border-radius:.25rem;padding:0 .35em">?</kbd></button>'
)


def everywhere() -> None:
    """On every page: ? lists the keys, and so does a button in the sidebar."""
    st.html(f"{SHOW}<script>{SCRIPT}</script>", unsafe_allow_javascript=True)


def listen(buttons: Mapping[str, str]) -> None:
    """At the top of a page that takes these keys, each with how the key of its button or field begins: one that comes
    too early is said from now on, and a field is given the focus."""
    st.html(f'<span data-keys="{escape(json.dumps(dict(buttons)))}"></span>')


def also(keys: Mapping[str, str]) -> None:
    """Keys that a component of our own takes by itself, each with what it does, for the list under ?."""
    st.html(f'<span data-more-keys="{escape(json.dumps(dict(keys)))}"></span>')


def shown(what: Iterable[object], enter: str = "") -> None:
    """After the buttons of an item: it is on screen now, and so are the buttons that belong to it. ``enter``: the key
    of the button that Enter presses."""
    st.html(f'<span data-shown="{digest(what)}" data-enter="{escape(enter)}"></span>')


def arrows(names: tuple[str, str], where: str, on_click: Callable[..., None], asked: tuple[tuple, tuple]) -> None:
    """Two buttons that step back and forward, at the arrow keys; ``asked`` is what each hands to ``on_click``."""
    words = (("Left", "chevron_left", f"Previous{where} (←)"), ("Right", "chevron_right", f"Next{where} (→)"))
    for name, (shortcut, icon, tip), args in zip(names, words, asked, strict=True):
        st.button("", key=name, shortcut=shortcut, icon=f":material/{icon}:", help=tip, on_click=on_click, args=args)


def digest(what: Iterable[object]) -> str:
    """A short name of what is shown, for the keys of its buttons: a button drawn for something else is another
    button."""
    return hashlib.sha256("\n".join(map(str, what)).encode()).hexdigest()[:10]
