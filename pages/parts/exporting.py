"""What leaves the project as a file: behind a button, one choice of what and one of the format."""

import streamlit as st

from attribution.exporters import exporters
from attribution.exporters.base import content
from pages.parts import fields
from pages.parts.context import Sight


def show(sight: Sight) -> None:
    """The button; the file is made when it is downloaded."""
    with st.popover("Export", icon=":material/download:"):
        by_name = {item.name: item for item in exporters.each()}
        name = st.radio(
            "What",
            list(by_name),
            format_func=lambda one: by_name[one].title,
            key="export-what",
            label_visibility="collapsed",
        )
        chosen = by_name[name or next(iter(by_name))]
        st.caption(chosen.summary)
        if missing := chosen().missing(sight.project):
            st.caption(f":material/info: {missing}")
            return
        usual = chosen.Settings()
        changed = fields.form(usual, f"export-{chosen.name}") if usual.__dataclass_fields__ else {}
        suffix = st.radio("Format", chosen.formats, horizontal=True, key=f"export-format-{chosen.name}")
        stem = f"{sight.project.name}-{chosen.file.partition('.')[0]}"
        st.download_button(
            "Download",
            lambda: content(sight.project, chosen.name, suffix or chosen.formats[0], changed),
            f"{stem}{suffix or chosen.formats[0]}",
            key="export-download",
            icon=":material/download:",
            on_click="ignore",
            help="Written as a whole when you press this; the project stays as it is.",
        )
