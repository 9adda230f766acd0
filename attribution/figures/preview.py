"""Figures of a preview: by class or band of the target, where sizes can be read at all."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from attribution.figures.retrain import by_target

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from attribution.studies.preview.result import PreviewResult


def figures_of(found: "PreviewResult") -> "dict[str, Callable[..., Figure]]":
    """The figures of a preview, by name; none where its sizes were not checked against retraining."""
    return {"by_target": by_target} if found.record is not None and found.record.sizes else {}
