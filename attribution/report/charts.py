"""Small drawings as static SVG: a bar, and an interval with its zero."""

import math
from collections.abc import Callable

import pandas as pd

from attribution.report.html import Html, el, table

WIDTH = 220
HEIGHT = 16
EDGE = 6  # pixels left and right of what is drawn


def bar(share: float, words: str, colour: str = "") -> Html:
    """A bar for a share of one; ``words`` say it to whoever cannot see it."""
    width = f"{(WIDTH - 2 * EDGE) * min(max(share, 0.0), 1.0):.1f}"
    rect = el("rect", x=EDGE, y=4, width=width, height=8, rx=2, class_="bar", fill=colour or None)
    return _drawing(words, rect)


def interval(estimate: float, low: float, high: float, span: tuple[float, float], words: str, better: int = 1) -> Html:
    """A dot with its interval and a line at zero; blue where all of it is better than zero, orange where worse."""
    if not math.isfinite(estimate):
        return Html("")
    ends = sorted((better * low, better * high)) if math.isfinite(low) and math.isfinite(high) else (-1, 1)
    look = "good" if ends[0] > 0 else "bad" if ends[1] < 0 else "open"

    def place(value: float) -> str:
        share = (value - span[0]) / (span[1] - span[0])
        return f"{EDGE + (WIDTH - 2 * EDGE) * min(max(share, 0.0), 1.0):.1f}"

    parts = [el("line", x1=place(0.0), x2=place(0.0), y1=0, y2=HEIGHT, class_="zero")]
    if math.isfinite(low) and math.isfinite(high):
        parts.append(el("line", x1=place(low), x2=place(high), y1=8, y2=8, class_=look))
    return _drawing(words, *parts, el("circle", cx=place(estimate), cy=8, r=4.5, class_=look))


def forest(
    frame: pd.DataFrame,
    caption: str,
    columns: tuple[str, str],
    show: Callable[[float, bool], str],
    better: int = 1,
) -> Html:
    """A table of ``name``, ``estimate``, ``low``, ``high``, each line with its drawing and its numbers; ``show`` writes
    a number (and whether with its sign)."""
    numbers = frame[["estimate", "low", "high"]].to_numpy(dtype=float)
    ends = [0.0, *(value for value in numbers.ravel().tolist() if math.isfinite(value))]
    span = (min(ends), max(ends) if max(ends) > min(ends) else min(ends) + 1.0)
    lines = []
    for name, (estimate, low, high) in zip(frame["name"], numbers.tolist(), strict=True):
        words = f"{show(estimate, True)} ({show(low, True)} to {show(high, True)})"
        lines.append((name, interval(estimate, low, high, span, words, better), words))
    return table((columns[0], "", columns[1]), lines, caption)


def _drawing(words: str, *parts: Html) -> Html:
    return el(
        "svg",
        *parts,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        width=WIDTH,
        height=HEIGHT,
        role="img",
        aria_label=words,
    )
