"""One look for every figure: a light and a dark template, axes that say their unit, three digits, and words for those
who do not see it.

Plotly is imported when the first figure is made, never before: reading results must stay quick.
"""

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.views.numbers import SPACE, three_digits

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

FONT = '"Source Sans", "Source Sans Pro", system-ui, sans-serif'
ACCENT, SECOND = "#0F8F84", "#C77D0A"  # two groups side by side; told apart by line and marker, too
LINES = (ACCENT, SECOND, "#7A6FB0", "#8C6239", "#4D7C0F", "#A23B5A", "#475569", "#0E7490")
UNCLEAR = "#8C8579"  # an interval that holds zero; what is drawn for comparison
TOP_LEFT = {"x": 0, "xref": "container", "xanchor": "left", "yref": "container", "yanchor": "top"}
TITLE_PX, LEGEND_PX, AXIS_PX = 34, 26, 46  # heights around the drawing
MOST_POINTS = 4_000  # dots in one scatter: more would cost megabytes and show nothing more


@dataclass(frozen=True)
class Look:
    """Colours of the ground: ink for words, lines of the grid, the paper."""

    ink: str
    grid: str
    paper: str


LIGHT = Look("#3A3731", "#E6E1D8", "#FDFCFA")
DARK = Look("#DAD5CC", "#34312C", "#171614")


def look(dark: bool) -> Look:
    """The ground's colours."""
    return DARK if dark else LIGHT


def template(dark: bool) -> dict[str, Any]:
    """The Plotly template: fonts, quiet grid, legend above the drawing, margins that grow with the words."""
    ground = look(dark)
    axis = {
        "gridcolor": ground.grid,
        "linecolor": ground.grid,
        "ticks": "",
        "zeroline": False,
        "automargin": True,
        "exponentformat": "power",
        "showexponent": "last",  # once is enough, and on a phone there is no room for more
        "separatethousands": True,
        "title": {"standoff": 8, "font": {"size": 12}},
        "fixedrange": True,  # a finger that scrolls the page must not be caught by a chart
    }
    return {
        "layout": {
            "font": {"family": FONT, "size": 12, "color": ground.ink},
            "paper_bgcolor": ground.paper,
            "plot_bgcolor": "rgba(0,0,0,0)",
            "xaxis": axis,
            "yaxis": axis,
            "title": {"font": {"size": 14}, "pad": {"t": 8, "l": 4}, **TOP_LEFT, "y": 1},
            "legend": {"orientation": "h", "itemclick": False, **TOP_LEFT, "xref": "paper"},
            "hoverlabel": {"font": {"family": FONT, "size": 12}, "align": "left"},
            "hovermode": "closest",
            "dragmode": False,
        }
    }


def canvas(
    title: str, alt: str, *, x: str = "", y: str = "", dark: bool = False, height: int = 300, legend: bool = False
) -> "Figure":
    """An empty figure in the house's look, ``height`` pixels high.

    ``x`` and ``y`` are the axes' titles with their units; they and ``title`` may hold words of the user's. ``alt`` says
    in a sentence what is drawn, for readers of the screen; it travels in ``figure.layout.meta``.
    """
    from plotly.graph_objects import Figure

    figure = Figure(layout={"template": template(dark)})  # given at birth: an update would mix it with Plotly's own
    top = TITLE_PX + (LEGEND_PX if legend else 0)
    figure.update_layout(
        title_text=plain(title),
        margin={"l": 12, "r": 16, "t": top, "b": AXIS_PX},
        height=height,
        showlegend=legend,
        legend_y=1 - TITLE_PX / height,
        meta={"alt": alt},
    )
    if x:
        figure.update_xaxes(title_text=folded(x))
    if y:
        figure.update_yaxes(title_text=folded(y, 40))
    return figure


def folded(title: str, width: int = 30) -> str:
    """The title of an axis on as many lines as a phone needs."""
    title = title.replace(" % interval", f"{SPACE}%{SPACE}interval")
    lines = textwrap.wrap(title, width, break_long_words=False, break_on_hyphens=False)
    return "<br>".join(plain(line) for line in lines)


def alt_of(figure: "Figure") -> str:
    """The sentence that says what a figure shows."""
    return str(figure.layout.meta["alt"])


def plain(text: object) -> str:
    """A word of the user's data for Plotly, which reads tags and $ signs: it stands as it was written."""
    escaped = str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("$", "&#36;")


def short(text: object, width: int) -> str:
    """A name on one line of at most ``width`` characters."""
    words = " ".join(str(text).split())
    return plain(words if len(words) <= width else words[: width - 1] + "…")


def tick(name: object, width: int = 26) -> str:
    """A name beside an axis: at most two lines of ``width`` characters."""
    lines = textwrap.wrap(str(name), width, break_on_hyphens=False) or [""]
    if len(lines) > 2:
        lines = [lines[0], lines[1][: width - 1] + "…"]
    return "<br>".join(plain(line) for line in lines)


def with_interval(estimate: float, low: float, high: float, unit: str = "", signed: bool = True) -> str:
    """ "+1.23 points (+0.4 to +2.1)"; without the interval where it is not known."""
    value = three_digits(estimate, signed) + (f" {plain(unit)}" if unit else "")
    if not (np.isfinite(low) and np.isfinite(high)):
        return value
    return f"{value} ({three_digits(low, signed)} to {three_digits(high, signed)})"


def errors(estimate: Any, low: Any, high: Any, colour: str) -> dict[str, Any]:
    """Error bars from ``low`` to ``high`` around ``estimate``; none where the interval is not known."""
    middle = np.asarray(estimate, dtype=np.float64)
    above = np.nan_to_num(np.asarray(high, dtype=np.float64) - middle, nan=0.0)
    below = np.nan_to_num(middle - np.asarray(low, dtype=np.float64), nan=0.0)
    return {"type": "data", "array": above, "arrayminus": below, "color": colour, "thickness": 2, "width": 5}


def faint(colour: str, share: float = 0.2) -> str:
    """A colour ("#RRGGBB") seen through: for bands and areas."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share:g})"


def some_of(n: int, most: int = MOST_POINTS) -> np.ndarray:
    """Places of at most ``most`` of ``n`` dots, evenly spread, the same ones each time."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64)) if n else np.empty(0, np.int64)
