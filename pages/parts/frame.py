"""Makes sure that a page runs inside ``app.py``, with its sidebar and its open project.

Until ``st.navigation`` has been called once in the server's process, Streamlit treats a ``pages`` folder as its first
generation of multipage apps and runs the requested file alone. A bookmark to /history that is the very first request
would meet that.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from attribution.errors.boundary import in_words
from pages.parts import context, states

HERE = Path(__file__).parent
# Streamlit's wide layout keeps five rem free on both sides, a third of a 900-pixel window beside the sidebar. In a
# toolbar the buttons of
# a choice are as tall as a select box beside them, so that their labels stand in one line. Streamlit hides the right
# edge of the choice
# before the chosen one, which is then missing where the row breaks between them.
STYLE = """<style>
[data-testid='stMainBlockContainer'] { padding-left: 2.2rem; padding-right: 2.2rem; }
[data-testid='stElementContainer']:has([data-keys]),
[data-testid='stElementContainer']:has([data-more-keys]),
[data-testid='stElementContainer']:has([data-shown]) { position: absolute; }
[data-testid='stLayoutWrapper']:has(> .st-key-undo-bar) { position: fixed; right: 1.5rem; bottom: 1.25rem;
  z-index: 999990; width: auto; max-width: min(92vw, 46rem); animation: datablame-gone 1s 9s forwards; }
[data-testid='stLayoutWrapper']:has(> .st-key-undo-bar):is(:hover, :focus-within) { animation-play-state: paused; }
.st-key-undo-bar { background: #31333f; color: #fff; border: 1px solid #8888; border-radius: .5rem;
  padding: .3rem .5rem .3rem 1rem; box-shadow: 0 2px 12px rgba(0,0,0,.35); flex-wrap: nowrap; width: auto; }
.st-key-undo-bar p { color: #fff; overflow-wrap: anywhere; }
.st-key-undo-bar button { background: transparent; color: #fff; border-color: #fff8; min-height: 2rem; }
@media (max-width: 640px) {
  [data-testid='stHorizontalBlock']:has(.st-key-review-side) { row-gap: .8rem; }
  [data-testid='stColumn']:has(.st-key-review-side),
  [data-testid='stColumn']:has(.st-key-review-side) > * { display: contents; }
  [data-testid='stColumn']:has(.st-key-review-side) > * > * { flex: 1 1 100%; }
  [data-testid='stLayoutWrapper']:has(> .st-key-review-side) { order: 2; flex: 1 1 100%; }
}
@keyframes datablame-gone { to { opacity: 0; visibility: hidden; } }
.st-key-toolbar [data-testid='stButtonGroup'] button[data-variant='segmented_control'] { min-height: 2.5rem; }
[data-testid='stButtonGroup'] button[data-variant='segmented_control']:not([aria-checked='true']) {
  border-right-color: color-mix(in srgb, currentColor 20%, transparent) !important; }
</style>"""


def navigation(sections: dict[str, dict[str, tuple[str, str, str]]]) -> st.Page:
    """Set up the window and the navigation from ``{section: {file: (title, icon, help)}}``; the first page is the
    default. The page to draw.

    The icons are files of ours: a Material icon for the tab would be fetched from a server on the net.
    """
    st.set_page_config(
        page_title="Datablame", page_icon=str(HERE / "icon.svg"), layout="wide", initial_sidebar_state=230
    )
    st.logo(str(HERE / "logo.svg"), icon_image=str(HERE / "icon.svg"), size="large")
    st.html(STYLE)
    pages = {name: words for section in sections.values() for name, words in section.items()}
    first = next(iter(pages))
    links = {
        name: st.Page(
            f"pages/{name}.py",
            title=title,
            icon=icon,
            help=help,
            default=name == first,
            url_path="home" if name == first else name,
        )
        for name, (title, icon, help) in pages.items()
    }
    st.session_state["links"] = links
    # The default page lives at "/"; its own name is kept as an address, too.
    named = st.Page(lambda: switch(first), title="Home", url_path=first, visibility="hidden")
    shown = {section: [links[name] for name in inside] for section, inside in sections.items()}
    page = st.navigation({**shown, "": [named]}, expanded=True)
    if st.session_state.get("page-shown") != page.url_path:
        forget_ticks()
    st.session_state["page-shown"] = page.url_path
    return page


def forget_ticks() -> None:
    """Drop the parts of the page before that redraw themselves every second.

    A tick that the browser sent before it heard of the switch carries the old page's name. Streamlit would draw it
    after the new page, the browser would take that name for another switch, empty the window, and fail on the tick's
    place in it: a white page until a reload.
    """
    run = get_script_run_ctx()
    if run is not None:
        run.fragment_storage.clear()


def switch(name: str, **query: str) -> None:
    """Open another page now, with this query (none: the shared state)."""
    forget_ticks()
    st.switch_page(link(name), query_params=query or context.address())


def link(name: str) -> st.Page:
    """A page by its file's name."""
    return st.session_state["links"][name]


def has(name: str) -> bool:
    """Whether there is a page of this name."""
    return name in st.session_state.get("links", {})


def go(name: str) -> None:
    """Callback: open another page; the switch happens when the page is drawn next."""
    st.session_state["go"] = name


@contextmanager
def framed() -> Iterator[None]:
    """``app.py`` runs its page inside this; what the user or the machine did wrong is shown in words where the page
    stopped."""
    st.session_state["framed"] = True
    try:
        with said():
            yield
    finally:
        st.session_state["framed"] = False


@contextmanager
def said() -> Iterator[None]:
    """Shows an error that has words in its place; a bug is left to Streamlit's traceback."""
    try:
        yield
    except Exception as error:
        words = in_words(error)
        if words is None:
            raise
        states.error_box(words)


def show(main: Callable[[], None]) -> None:
    """Draw a page; outside ``app.py``, declare the pages to Streamlit and start over with the same address."""
    if st.session_state.get("framed"):
        if target := st.session_state.pop("go", None):
            switch(target)
        main()
        return
    files = sorted(path for path in Path(__file__).parent.parent.glob("*.py") if path.name != "__init__.py")
    st.navigation([st.Page(_nothing, default=True), *[st.Page(path) for path in files]], position="hidden")
    st.rerun()


def _nothing() -> None:
    """The default page of that moment; never drawn."""
