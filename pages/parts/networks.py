"""Form fields of New project for the network: the user's own function, or one of a source."""

import re

import streamlit as st

from attribution.errors import UserError
from attribution.models.sources import sources
from attribution.settings.lists import entries
from attribution.trust import Look
from pages.parts import states, trusting

ARGUMENTS = "NAME=VALUE, with commas: numbers, true, false or words, such as drop_rate=0.1."


def own_code() -> tuple[str, Look | None, UserError | None]:
    """The user's FILE.py:FUNCTION, whether it may run, and what is wrong with the name."""
    trusted: Look | None = None
    problem = None
    name = st.text_input(
        "Python file and function",
        key="own-model",
        placeholder="/code/net.py:make_model",
        help="The function returns an nn.Module. It may take `classes`, `outputs`, `shape`, `class_names`, `mean`, "
        "`std`, `columns` and `vocabulary`.",
    ).strip()
    if name and not re.fullmatch(r".+\.py:\w+", name):
        problem = UserError(
            f"“{name}” does not name a function in a file.",
            "It must look like FILE.py:FUNCTION.",
            "For example net.py:make_model.",
        )
    elif not name:
        problem = UserError("No file is named yet.", "", "Give FILE.py:FUNCTION.")
    else:
        trusted = trusting.tick(name.rpartition(":")[0])
    return name, trusted, problem


def from_source(kind: str) -> tuple[str, UserError | None]:
    """SOURCE:NAME for one of the sources, "" while nothing is named, and what is wrong with it."""
    source = sources.get(kind)
    rest = st.text_input(
        "Folder" if "FOLDER" in source.example else "Name",
        key=f"network-{kind}",
        placeholder=source.example.partition(":")[2],
    ).strip()
    st.caption(states.plain(source.summary.replace(f"{kind}:", "")))
    if not rest:
        return "", UserError("No network is named yet.", "", f"Write for example {source.example.partition(':')[2]}.")
    return f"{kind}:{rest}", None


def arguments() -> tuple[str, ...]:
    """What the network is made with beyond its classes."""
    return tuple(entries(st.text_input("Arguments", key="arguments", placeholder="drop_rate=0.1", help=ARGUMENTS)))
