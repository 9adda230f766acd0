"""Makes sure that a page runs inside ``app.py``, with its sidebar and its open project.

Until ``st.navigation`` has been called once in the server's process, Streamlit treats a ``pages`` folder as its first generation of
multipage apps and runs the requested file alone. A bookmark to /history that is the very first request would meet that.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st


@contextmanager
def framed() -> Iterator[None]:
    """``app.py`` runs its page inside this."""
    st.session_state["framed"] = True
    try:
        yield
    finally:
        st.session_state["framed"] = False


def show(main: Callable[[], None]) -> None:
    """Draw a page; outside ``app.py``, declare the pages to Streamlit and start over with the same address."""
    if st.session_state.get("framed"):
        main()
        return
    files = sorted(path for path in Path(__file__).parent.parent.glob("*.py") if path.name != "__init__.py")
    st.navigation([st.Page(_nothing, default=True), *[st.Page(path) for path in files]], position="hidden")
    st.rerun()


def _nothing() -> None:
    """The default page of that moment; never drawn."""
