"""Where the data of a new project are: a path, a look around the folders, or an upload; and their first rows."""

from pathlib import Path

import pandas as pd
import streamlit as st

from attribution.datasets.readers.base import suffixes
from attribution.errors import UserError
from attribution.progress import Progress
from attribution.project.home import home
from attribution.views import folders, importing, numbers
from pages.parts import states

SHOWN = 60  # names in the picker


def path() -> str:
    """The path that was typed, picked or uploaded; "" before there is one."""
    left, right = st.columns(2, gap="large")
    with left:
        typed = st.text_input(
            "Path on this machine",
            key="path",
            placeholder="/data/my-images or /data/reviews.csv",
            help="A folder with one sub-folder per class (or a metadata.csv), a Hugging Face dataset's folder, or a "
            f"file: {', '.join(suffixes())}. A pattern (data/train-*.parquet) names several parts, and "
            "sqlite:FILE?table=NAME or duckdb:FILE?sql=SELECT ... asks a database.",
        )
        with st.popover("Look around", icon=":material/folder_open:"):
            picker()
    with right:
        return _uploaded() or typed.strip()


def picker() -> None:
    """The folders below the home and the named roots, one step at a time."""
    known = folders.roots()
    at = folders.inside(Path(st.session_state.get("look-at", ""))) if st.session_state.get("look-at") else None
    if at is None:
        at = next(iter(known.values()))
    if len(known) > 1:
        with st.container(horizontal=True):
            for name, root in known.items():
                st.button(name, key=f"root-{name}", type="tertiary", on_click=_look, args=(root,))
    found = folders.listing(at)
    st.markdown(f"**{states.plain(str(at))}**")
    st.caption(_words(found))
    with st.container(horizontal=True):
        st.button("Up", key="look-up", icon=":material/arrow_upward:", on_click=_look, args=(at.parent,),
                  disabled=at in known.values())  # fmt: skip
        st.button("Take this folder", key="look-take", type="primary", on_click=_take, args=(at,))
    with st.container(height=280, border=False, gap="xsmall"):
        for name in found.folders[:SHOWN]:
            st.button(states.plain(name), key=f"look-{name}", icon=":material/folder:", type="tertiary",
                      on_click=_look, args=(at / name,))  # fmt: skip
        for name in found.files[:SHOWN]:
            st.button(states.plain(name), key=f"file-{name}", icon=":material/table:", type="tertiary",
                      on_click=_take, args=(at / name,))  # fmt: skip


def _words(found: folders.Listing) -> str:
    parts = [
        numbers.plural(len(found.folders), "folder") if found.folders else "",
        numbers.plural(len(found.files), "table or archive", "tables or archives") if found.files else "",
        numbers.plural(found.pictures, "picture") if found.pictures else "",
    ]
    more = " There is more here: type the path." if found.more or len(found.folders) > SHOWN else ""
    return (", ".join(filter(None, parts)) or "Nothing that can be read as data lies here") + f".{more}"


def _look(folder: Path) -> None:
    st.session_state["look-at"] = str(folder)


def _take(chosen: Path) -> None:
    st.session_state["path"] = str(chosen)


def _uploaded() -> str:
    """Where an uploaded file was saved ("" without one): under its content, so that no file of an earlier project is
    written over. A ZIP is unpacked beside it."""
    file = st.file_uploader(
        "Or upload one file",
        type=[*(suffix.removeprefix(".") for suffix in suffixes()), "zip"],
        key="upload",
        help="Pictures: a ZIP with a folder per class, or give the folder's path.",
    )
    if file is None:
        return ""
    known = st.session_state.get("uploaded", {})
    if known.get("id") != file.file_id or not Path(known["path"]).exists():
        target = importing.kept_upload(home() / "uploads", file.name, file.getvalue())
        if target.suffix.lower() == ".zip":
            target = _unpacked(target)
        if not target.name:
            return ""
        known = st.session_state["uploaded"] = {"id": file.file_id, "path": str(target)}
    return str(known["path"])


def _unpacked(archive: Path) -> Path:
    """The folder of what a ZIP held; an empty path where it was refused, which is said."""
    from attribution.datasets.unpack import unpack

    bar = st.progress(0.0, text="Unpacking")

    def listen(done: float, total: float, message: str) -> None:
        bar.progress(done / total if total else 0.0, text=states.plain(message) or "Unpacking")

    try:
        return unpack(archive, archive.with_suffix(""), Progress(listen))
    except UserError as error:
        states.error_box(error)
        return Path()
    finally:
        bar.empty()


def first_rows(rows: pd.DataFrame) -> None:
    """The first rows of a table, as they stand there."""
    st.dataframe(importing.as_shown(rows), hide_index=True, alt="The first rows of the table")
