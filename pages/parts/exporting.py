"""What leaves the project: behind a button, one choice of what, its settings and its format; and the corrected data in
one click."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from attribution.errors import UserError
from attribution.exporters.base import ARCHIVE, FOLDER, Exporter, content, export, grouped, made, usual
from attribution.views import costs
from pages.parts import fields, states
from pages.parts.context import Sight

if TYPE_CHECKING:
    from attribution import Project

LARGE = 200_000_000  # bytes; what is larger is written to the disk, not through the browser
FORMATS = {FOLDER: "folder", ARCHIVE: "zip archive", ".csv": "CSV", ".jsonl": "JSON lines", ".parquet": "Parquet"}


def show(sight: Sight, place: str) -> None:
    """The button that opens the panel; ``place`` keeps keys apart."""
    icon = ":material/output:"
    st.button("Results out", icon=icon, key=f"export-open-{place}", on_click=_open, args=(place,))
    if st.session_state.get("export-place") == place:
        panel(sight)


def _open(place: str = "") -> None:
    """Callback: the panel is open at this place ("": closed), until it is dismissed."""
    st.session_state["export-place"] = place
    st.session_state.pop("export-done", None)


def corrected(sight: Sight, place: str) -> None:
    """The corrected data in the user's own layout, one click away; nothing where they are too large for a download."""
    name, suffix = usual(sight.project)
    exporter = made(name)
    if exporter.size(sight.project) > LARGE:
        return
    st.download_button(
        "Corrected data",
        lambda: content(sight.project, name, suffix),
        f"{sight.project.name}-corrected{suffix}",
        key=f"export-corrected-{place}",
        icon=":material/download:",
        on_click="ignore",
        help=exporter.summary,
    )


@st.dialog("Results out", width="large", on_dismiss=_open)
def panel(sight: Sight) -> None:
    """One thing that can leave the project: what, how, how large, and where to."""
    groups = dict(grouped())
    first = next(iter(groups))
    group = st.segmented_control(
        "What",
        list(groups),
        default=first,
        required=True,
        key="export-group",
        label_visibility="collapsed",
    )
    chosen = which(sight, {kind.name: kind for kind in groups[group or first]}, group or first)
    if not chosen().missing(sight.project):
        with st.container(border=True):
            ways(sight, chosen)


def which(sight: Sight, by_name: dict[str, type[Exporter]], group: str) -> type[Exporter]:
    """The exporter that is chosen, each with what is in it or why it cannot be written."""
    reasons = {name: kind().missing(sight.project) for name, kind in by_name.items()}
    own = usual(sight.project)[0]
    name = st.radio(
        "Which",
        list(by_name),
        index=list(by_name).index(own) if own in by_name else 0,
        format_func=lambda one: by_name[one].title,
        captions=[
            f":material/block: {states.plain(reasons[one])}" if reasons[one] else kind.summary
            for one, kind in by_name.items()
        ],
        key=f"export-what-{group}",
        label_visibility="collapsed",
    )
    return by_name[name or next(iter(by_name))]


def ways(sight: Sight, chosen: type[Exporter]) -> None:
    """The settings and the format, and the two ways out."""
    settings = chosen.Settings()
    changed = fields.form(settings, f"export-{chosen.name}") if vars(settings) else {}
    suffix = format_of(chosen)
    size = made(chosen.name, changed).size(sight.project)
    if size:
        st.caption(f"About {costs.memory(size)}. Written as a whole when you ask for it; the project stays as it is.")
    with st.container(horizontal=True, vertical_alignment="center"):
        if suffix != FOLDER and size <= LARGE:
            st.download_button(
                "Download",
                lambda: content(sight.project, chosen.name, suffix, changed),
                f"{sight.project.name}-{Path(chosen.file).stem}{suffix}",
                key="export-download",
                type="primary",
                icon=":material/download:",
                on_click="ignore",
            )
        tip = "Into a new file or folder in the project's own folder, under exports."
        args = (sight.project, chosen, suffix, changed)
        st.button("Write to disk", key="export-write", icon=":material/save:", help=tip, on_click=write, args=args)
    outcome_of(chosen)


def format_of(chosen: type[Exporter]) -> str:
    """The suffix of the format that is chosen, of those that there are."""
    words = {FORMATS.get(one, one): one for one in chosen.formats}
    first = next(iter(words))
    if len(words) == 1:
        return words[first]
    key = f"export-format-{chosen.name}"
    return words[st.segmented_control("Format", list(words), default=first, required=True, key=key) or first]


def write(project: "Project", chosen: type[Exporter], suffix: str, changed: dict[str, object]) -> None:
    """Callback: write it into the project's folder, and remember where it is or why it is not."""
    now = f"{datetime.now():%Y%m%d-%H%M%S}"
    path = project.folder / "exports" / f"{Path(chosen.file).stem}-{now}{suffix}"
    try:
        outcome: Path | UserError = export(project, chosen.name, path, changed)
    except UserError as error:
        outcome = error
    st.session_state["export-done"] = (chosen.name, outcome)


def outcome_of(chosen: type[Exporter]) -> None:
    """Where the last one was written, if it was this one."""
    name, outcome = st.session_state.get("export-done", ("", None))
    if name != chosen.name:
        return
    if isinstance(outcome, UserError):
        states.error_box(outcome)
        return
    st.success("Written.", icon=":material/check:")
    st.code(str(outcome), language=None, wrap_lines=True)
