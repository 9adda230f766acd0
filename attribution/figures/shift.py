"""Figures of train against test: which columns, regions and labels differ, with intervals."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from attribution.figures.forest import forest
from attribution.views import shift as views

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from attribution.studies.shift.result import ShiftResult

UNITS = {"column": "standard deviations or shares"}  # the others are shares


def figures_of(found: "ShiftResult") -> "dict[str, Callable[..., Figure]]":
    """One figure per kind of difference that the data have: column, region, label."""
    present = [kind for kind in views.KINDS if (found.differences["kind"] == kind).any()]
    return {kind: partial(differences, kind=kind) for kind in present}


def differences(found: "ShiftResult", *, kind: str, dark: bool = False) -> "Figure":
    """The surest differences of one kind, test minus training."""
    frame = views.frame_of(found, kind)
    word = views.KINDS[kind]
    alt = f"Difference between test and training of {len(frame)} {word.lower()} with intervals"
    return forest(
        frame, f"{word}: test minus training", f"difference, {UNITS.get(kind, 'points of a hundred')}", alt, dark=dark
    )
