"""What the Browse page draws: a column as a filter to click or brush, and a sample as a tile or a line."""

from collections.abc import Mapping, Sequence
from typing import Any

from attribution.browse.kinds import Column, Number
from attribution.browse.spread import Spread
from attribution.browse.words import NONE, Term, Value, quoted
from attribution.errors import UserError
from attribution.views.cards import Card
from attribution.views.numbers import count, percent, three_digits

SHOWN = 30  # names of a column
TITLES = {"right": "model is right", "tag": "tags", "kind": "what it probably is"}


def title(column: Column, noun: str) -> str:
    """How a column is headed."""
    words = noun if column.name == "label" else TITLES.get(column.name, column.name)
    return f"{words}, {column.unit}" if column.unit else words


def facet(column: Column, terms: Sequence[Term], spread: Spread | None, unfolded: bool, noun: str) -> dict[str, Any]:
    """One column of the filter panel; its counts only where it is unfolded."""
    values = [value.text for term in terms if not term.without for value in term.values]
    found = {
        "name": column.name,
        "title": title(column, noun),
        "summary": column.summary,
        "kind": column.kind if column.kind in ("number", "text") else "names",
        "open": unfolded,
        "used": " ".join(str(term).partition(":")[2] if not term.without else str(term) for term in terms),
        "values": values,
        "missing": "",
    }
    if not unfolded or spread is None:
        return found
    if spread.missing[0] and spread.missing[0] < int(spread.all.sum()) + spread.missing[0]:
        found["missing"] = f"none: {count(spread.missing[1])}"
    more = _bars(column, terms, spread) if isinstance(column, Number) else _names(spread, values)
    return found | more


def _bars(column: Number, terms: Sequence[Term], spread: Spread) -> dict[str, Any]:
    low, high = _ends(column, terms)
    edges = [float(f"{edge:.6g}") for edge in spread.edges]
    least = 1e-4 * (edges[-1] - edges[0])  # what is less than this beside the others is written as nothing
    said = [three_digits(edge if abs(edge) >= least else 0.0) for edge in edges]
    tips = [
        f"{start} to {end}: {count(found)} of {count(every)}"
        for start, end, found, every in zip(said, said[1:], spread.found, spread.all, strict=False)
    ]
    words = f"Histogram of {column.name} from {said[0]} to {said[-1]}; drag to choose"
    return {
        "edges": edges,
        "all": spread.all.tolist(),
        "found": spread.found.tolist(),
        "low": low,
        "high": high,
        "tips": tips,
        "lowest": said[0],
        "highest": said[-1],
        "words": words,
    }


def _ends(column: Number, terms: Sequence[Term]) -> tuple[float | None, float | None]:
    """The ends of the first range that the filter has of a column, as far as there are any."""
    for term in terms:
        try:
            low, high, _, _ = column.span(term.values[0].text)
        except UserError:
            continue
        ends = [end if abs(end) != float("inf") else None for end in (low, high)]
        return ends[0], ends[1]
    return None, None


def _names(spread: Spread, values: Sequence[str]) -> dict[str, Any]:
    """The commonest names, those that the filter has always among them, in their order."""
    by_size = sorted(range(len(spread.names)), key=lambda place: -int(spread.all[place]))
    places = sorted({*by_size[:SHOWN], *(place for place, name in enumerate(spread.names) if name in values)})
    lines = [
        {
            "name": spread.names[place],
            "all": int(spread.all[place]),
            "found": int(spread.found[place]),
            "count": count(int(spread.found[place])),
            "whole": count(int(spread.all[place])),
        }
        for place in places
    ]
    left = len(spread.names) - len(places)
    none = "Nothing yet." if not lines else ""
    return {"names": lines, "more": f"and {count(left)} more: write them above" if left else none}


def term(event: Mapping[str, Any]) -> Term | None:
    """The term that a click or a brush on a column means; None: none any more."""
    column = str(event["column"])
    if event.get("none"):
        return Term(column, (Value(NONE),))
    if "values" in event:
        values = [str(value) for value in event["values"]]
        return Term(column, tuple(Value(text, quoted(text) != text) for text in values)) if values else None
    low, high = event.get("low"), event.get("high")
    if low is None and high is None:
        return None
    ends = ["" if end is None else f"{float(end):.6g}" for end in (low, high)]
    return Term(column, (Value(f"{ends[0]}..{ends[1]}"),))


def tile(card: Card, marks: Sequence[str], fact: str = "") -> dict[str, Any]:
    """A sample as a tile; all of it is plain text, and ``picture`` a data URI."""
    own = "dropped" if card.dropped else card.changed if card.was else "kept" if card.reviewed else ""
    sure = f" ({percent(card.confidence)})" if card.confidence is not None else ""
    return {
        "row": card.row,
        "id": card.id,
        "alt": card.alt,
        "picture": card.picture,
        "text": card.text,
        "label": card.label,
        "colour": card.label_colour,
        "was": card.was,
        "marks": [mark for mark in (own, *marks) if mark],
        "says": f"{card.says}{sure}" if card.says else "",
        "wrong": bool(card.prediction) and card.says != "model agrees",
        "fact": fact,
    }


def cell(value: Any, given: bool = False) -> str:
    """A value of a table in words; "" for none. Numbers that were ``given`` are written as they are, to eight digits,
    others to three."""
    if value is None or value != value:
        return ""
    if not isinstance(value, float):
        return str(value)
    return f"{float(value):.8g}" if given else three_digits(float(value))
