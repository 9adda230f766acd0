"""Tables in pages: the browser gets one page of rows, never the whole frame."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd

from attribution.views.numbers import count, percent

if TYPE_CHECKING:
    from attribution.views.scatter import Group

CELL = "padding:.1em .6em .1em 0;vertical-align:top;overflow-wrap:anywhere"
Rows = TypeVar("Rows", pd.DataFrame, np.ndarray, list)


def page_count(n: int, size: int) -> int:
    """Number of pages that ``n`` rows fill, at least one."""
    return max(1, -(-n // size))


def page_of(rows: Rows, number: int, size: int) -> Rows:
    """Page ``number`` (1-based) of ``size`` rows; a number beyond the end gives the last page."""
    number = min(max(number, 1), page_count(len(rows), size))
    return rows[(number - 1) * size : number * size]


def strongest_first(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """``rows`` in falling order of their ``values`` (n,); those without a value come last, ties keep their order."""
    return rows[np.argsort(-np.nan_to_num(values[rows], nan=-np.inf), kind="stable")]


def mean_of(values: np.ndarray, rows: np.ndarray | None = None) -> float:
    """Mean of ``values`` (n,) over ``rows`` (all by default), leaving out NaN; NaN when nothing is left."""
    chosen = values if rows is None else values[rows]
    known = chosen[np.isfinite(chosen)]
    return float(known.mean()) if len(known) else float("nan")


def mix(groups: "Sequence[Group]", ordered: bool = False) -> pd.DataFrame:
    """How targets are mixed in some samples, from their groups: ``name``, ``colour``, ``n``, ``share`` (of one), most
    frequent first unless they are ``ordered``, absent ones left out."""
    counts = [len(group.rows) for group in groups]
    frame = pd.DataFrame(
        {
            "name": [group.name for group in groups],
            "colour": [group.colour for group in groups],
            "n": counts,
            "share": [n / max(sum(counts), 1) for n in counts],
        }
    )
    frame = frame[frame["n"] > 0]
    return (frame if ordered else frame.sort_values("n", ascending=False, kind="stable")).reset_index(drop=True)


def mix_html(mix: pd.DataFrame, top: int = 6) -> str:
    """The mix as one bar with its groups beneath, the first ``top`` by name."""
    parts, names = [], []
    for place, line in enumerate(mix.to_dict("records")):
        colour = line["colour"]
        parts.append(f'<span style="width:{line["share"] * 100:.2f}%;background:{colour}"></span>')
        if place < top:
            dot = (
                "<span "
                f'style="display:inline-block;width:.6em;height:.6em;border-radius:50%;background:{colour};margin-right:.35em"></span>'
            )
            names.append(
                f'<span style="white-space:nowrap">{dot}{escape(str(line["name"]))} {count(line["n"])} '
                f"({percent(line['share'])})</span>"
            )
    rest = int(mix["n"].iloc[top:].sum())
    if rest:
        names.append(f"<span>others {count(rest)}</span>")
    words = ", ".join(f"{line['name']} {percent(line['share'])}" for line in mix.head(top).to_dict("records"))
    bar = "display:flex;height:.6em;border-radius:3px;overflow:hidden"
    legend = "font-size:.84em;display:flex;flex-wrap:wrap;gap:0 .9em;margin-top:.4em"
    return (
        f'<div role="img" aria-label="Mix: {escape(words, quote=True)}" style="{bar}">{"".join(parts)}</div>'
        f'<div style="{legend}">{"".join(names)}</div>'
    )


def aligned_html(values: Mapping[str, str], against: Mapping[str, str]) -> str:
    """A row of a table column by column beside another: the columns that differ, and in one line those that do not.

    Everything that comes from the user's data is escaped.
    """
    same = [f"{name} {value}" for name, value in values.items() if against.get(name) == value]
    apart = [(name, value) for name, value in values.items() if against.get(name) != value]
    lines = "".join(
        f'<tr><td style="{CELL};opacity:.75">{escape(name)}</td><td style="{CELL}"><b>{escape(value)}</b></td>'
        f'<td style="{CELL};opacity:.75">{escape(against.get(name, ""))}</td></tr>'
        for name, value in apart
    )
    head = f'<td style="{CELL}">here</td><td style="{CELL}">asked about</td>'
    table = (
        '<table style="border-collapse:collapse;width:100%;font-size:.84em">'
        f'<tr style="text-align:left;opacity:.6"><td style="{CELL}">differs in</td>{head}</tr>{lines}</table>'
    )
    alike = f"The same: {escape(', '.join(same))}" if same else ""
    return (
        f'<div style="max-height:15em;overflow:auto">{table if apart else "The same in every column."}</div>'
        f'<div style="font-size:.78em;opacity:.65;overflow-wrap:anywhere">{alike}</div>'
    )


def columns_html(values: Mapping[str, str]) -> str:
    """A row of a table column by column; everything that comes from the user's data is escaped."""
    lines = "".join(
        f'<tr><td style="{CELL};opacity:.65">{escape(name)}</td><td style="{CELL}">{escape(value)}</td></tr>'
        for name, value in values.items()
    )
    return (
        '<div style="max-height:22em;overflow:auto"><table style="border-collapse:collapse;width:100%;font-size:.9em">'
        f"{lines}</table></div>"
    )
