"""The report behind a button: made when it is pressed, downloaded as one file."""

import streamlit as st

from attribution.report import page, summary
from pages.parts.context import Sight


def show(sight: Sight, place: str) -> None:
    """A button that downloads the report, and the summary to copy; ``place`` keeps keys apart."""
    with st.popover("Report", icon=":material/description:", key=f"report-{place}"):
        st.caption(
            "Data, findings with pictures, decisions, before and after with intervals, and how to reproduce it: one "
            "HTML file that loads nothing and prints well."
        )
        st.download_button(
            "Download the report",
            lambda: page(sight.project).encode(),
            f"{sight.project.name}-report.html",
            "text/html",
            key=f"report-html-{place}",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            "Summary for a pull request",
            lambda: summary(sight.project).encode(),
            f"{sight.project.name}-summary.md",
            "text/markdown",
            key=f"report-summary-{place}",
            icon=":material/notes:",
            on_click="ignore",
            help="A dozen lines of Markdown: verdict, edits, leaks, commands.",
        )
