"""Form fields of New project for a model from elsewhere: what it is handed, and how well it should do."""

from typing import Any

import streamlit as st

from attribution.errors import UserError
from attribution.modalities import modalities

CHOICES = {
    "auto": "As it was trained: raw values",
    "raw": "Raw values",
    "standardised": "Standardised with this data's mean and deviation",
    "tokens": "Whole numbers: token ids for an embedding",
}


def fields(modality: str) -> tuple[dict[str, Any], UserError | None]:
    """The settings ``inputs``, ``mean`` and ``std`` of the user's own code, and what is wrong with them."""
    kind = modalities.get(modality)
    if not kind.ways:
        return {}, None
    names = [name for name in CHOICES if name == "auto" or name in kind.ways]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        inputs = st.selectbox(
            "What the model is handed",
            names,
            format_func=CHOICES.__getitem__,
            key="inputs",
            width=360,
            help="Raw: numbers as they stand in the data, pictures in 0..1, channels first. An embedding gets "
            "whole numbers by itself.",
        )
        of = kind.axis.replace("input", "column")
        typed = {
            name: st.text_input(title, key=f"own-{name}", placeholder="0.485, 0.456, 0.406", width=200, help=help)
            for name, title, help in (
                ("mean", "Your mean", f"Subtracted from raw values: one number, or one per {of}. Empty: nothing."),
                ("std", "Your deviation", f"Raw values are divided by it: one number, or one per {of}. Empty: by 1."),
            )
        }
    found: dict[str, Any] = {"inputs": inputs or "auto"}
    for name, text in typed.items():
        try:
            found[name] = tuple(float(part) for part in (text or "").split(",") if part.strip())
        except ValueError:
            return {}, UserError(
                f"{name} is “{text}”.", "It is a list of numbers.", "Write them with commas: 0.485, 0.456, 0.406."
            )
    return found, None


def expected() -> float | None:
    """The accuracy that the loaded weights have by the user's own figures, in percent."""
    return st.number_input(
        "Accuracy you expect of these weights, %",
        min_value=0.0,
        max_value=100.0,
        value=None,
        key="expect-accuracy",
        width=280,
        help="By your own evaluation on the test samples. A drop beyond chance is told with its likely cause. "
        "Empty: only measured.",
    )
