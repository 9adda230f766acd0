"""Fields of New project for columns with a use of their own, and for what stands in where a value is missing."""

from typing import Any

import streamlit as st

MISSING = {
    "median": "their training median",
    "mean": "their training mean",
    "zero": "0",
    "refuse": "nothing (an error)",
}
COLUMNS = {
    "split_by": ("Keep together", "Samples with the same value, such as a patient, are in one part of the split."),
    "time": ("Split by time", "The latest samples are the test part, those before them the validation part."),
    "weight": ("Weight", "Multiplies the loss of a sample in training; numbers from 0."),
}


def fields(path: str, names: list[str]) -> dict[str, Any]:
    """The settings chosen: ``missing``, ``split_by``, ``time``, ``weight`` and ``annotators``."""
    found: dict[str, Any] = {}
    with st.expander("Missing values, groups, weights, annotators", icon=":material/rule:"):
        with st.grid("auto", min_column_width=170):
            found["missing"] = st.selectbox(
                "In place of missing numbers",
                list(MISSING),
                format_func=MISSING.__getitem__,
                key="missing",
                help="Another input says where it was missing. A missing word is a category of its own.",
            )
            for name, (title, help) in COLUMNS.items():
                found[name] = (
                    st.selectbox(
                        title, names, index=None, format_func=str, key=f"{name}-{path}", help=help, placeholder="None"
                    )
                    or ""
                )
        found["annotators"] = tuple(
            st.multiselect(
                "Annotators",
                names,
                key=f"annotators-{path}",
                placeholder="None",
                help="A column for each annotator: what most of them say is the label. One column alone says who, in a "
                "table with a line for each label.",
            )
        )
    return found
