"""Figures of the review: wrong labels found and expected along the queue."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from attribution.figures import marks, style
from attribution.studies.mislabels.budget import Budget
from attribution.views.budget import in_words
from attribution.views.numbers import count, three_digits

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def figures_of(found: "Budget") -> "dict[str, Callable[..., Figure]]":
    """The figures of a review's budget, by name."""
    return {"queue": budget}


def budget(found: "Budget", *, upto: int | None = None, nouns: str = "labels", dark: bool = False) -> "Figure":
    """Wrong targets (``nouns`` says which) found so far, and expected with its band if the review goes on, over the
    first ``upto`` positions of the queue; over all of it without that."""
    upto = upto or found.n
    curve = found.curve[found.curve["position"] <= upto]
    now = int((curve["reviewed"] >= curve["position"]).sum()) - 1  # the last position before which all is reviewed
    done = curve.iloc[: now + 1]
    coming = curve.iloc[max(now, 0) :]
    figure = style.canvas(
        f"Wrong {nouns} along the queue",
        f"Wrong {nouns} over the first {count(upto)} reviews: {count(found.wrong)} found, "
        f"{in_words(found.left)} expected in the whole rest",
        x="reviews, in queue order",
        y=f"wrong {nouns}",
        dark=dark,
        height=320,
        legend=True,
    )
    interval = f"{100 * found.level:.0f} % interval"
    marks.band(figure, coming["position"], coming["low"], coming["high"], style.ACCENT, interval)
    for name, part, dash in (("expected", coming, "dash"), ("found", done, "solid")):
        told = zip(part["position"], part[name], strict=True)
        words = [f"after {count(at)} reviews: {name} {three_digits(value)}" for at, value in told]
        marks.line(figure, part["position"], part[name], name, (style.ACCENT, dash, "circle"), words, mode="lines")
    figure.update_yaxes(rangemode="tozero")
    return figure
