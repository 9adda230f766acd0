"""Figures of predicted classes: how often each is recognised, and what it is taken for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.figures import marks, style
from attribution.figures.forest import forest
from attribution.statistics.by_group import counts_of, most_mistaken
from attribution.views.numbers import count, percent, share_interval

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from attribution.tasks.targets import Targets

MOST = 16  # classes beside one another that can still be told apart


def recognised(table: pd.DataFrame, targets: "Targets", *, dark: bool = False) -> "Figure":
    """Share of the samples of each class, or with each label of a set, whose prediction has it, percent, with its 95 %
    Wilson interval; in brackets how many samples there are."""
    table = table[~targets.bare(table["label"].to_numpy())]
    said = targets.groups(table["prediction"].to_numpy())
    lines = []
    for name, inside in targets.groups(table["label"].to_numpy()).items():
        n = int(inside.sum())
        hits = int((inside & said[name]).sum())
        low, high = share_interval(hits, n)
        share = hits / n if n else float("nan")
        lines.append({"name": f"{name} ({count(n)})", "estimate": 100 * share, "low": 100 * low, "high": 100 * high})
    return forest(
        pd.DataFrame(lines),
        f"How often each {targets.group} is recognised",
        "recognised, % (95 % interval)",
        f"Share of each {targets.group}'s samples that is recognised, with intervals; in brackets how many there are",
        dark=dark,
        span=(0, 100),
        unit="%",
    )


def confusion(table: pd.DataFrame, classes: Sequence[str], *, dark: bool = False) -> "Figure":
    """What each class is taken for: a row per label, a column per prediction, the share of the row in percent.

    With many classes the ``MOST`` that are mistaken most often are drawn; the title then says so. Of what remains a
    row's shares still count all predictions.
    """
    counts = counts_of(table, len(classes))
    kept = most_mistaken(counts, MOST)
    of = f" ({len(kept)} of {count(len(classes))})" if len(kept) < len(classes) else ""
    figure = style.canvas(
        f"What each class is taken for, %{of}",
        "Table of labels against predictions; the diagonal is what is recognised",
        x="predicted class, by number",
        y="label",
        dark=dark,
        height=110 + 34 * len(kept),
    )
    rows = counts.sum(1, keepdims=True)
    shares = 100 * counts / np.maximum(rows, 1)
    shown = shares[np.ix_(kept, kept)]
    names = [style.plain(classes[at]) for at in kept]
    hover = [
        [
            f"{names[y]} taken for {names[x]}: {count(int(counts[a, b]))} of {count(int(rows[a, 0]))} "
            f"({percent(shares[a, b] / 100)})"
            for x, b in enumerate(kept)
        ]
        for y, a in enumerate(kept)
    ]
    text = [[f"{value:.0f}" if value >= 0.5 else "" for value in row] for row in shown]
    scale = (("#24221F", "#0F766E") if dark else ("#FFFFFF", "#8ECFC7"), 0.0, 100.0)
    marks.heat(figure, shown, text, hover, [classes[at] for at in kept], scale, style.look(dark).ink)
    return figure
