"""What every figure owes its reader, whatever it shows."""

import json

import pytest

LARGEST = 300_000  # bytes of JSON
LONGEST = 48  # letters of a title: as long as a phone is wide


def titles(layout):
    """Title of every axis that shows ticks."""
    for name, axis in [*layout.items(), *layout.get("polar", {}).items()]:
        if name.startswith(("xaxis", "yaxis", "radialaxis")) and axis.get("showticklabels", True):
            yield name, (axis.get("title") or {}).get("text", "")


def spec_of(figure):
    """The figure's JSON, which is plain and of a bounded size."""
    text = figure.to_json()
    assert len(text) < LARGEST
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} in the JSON"))


def check(draw):
    """Draw a figure for both grounds and ask for title, units, words for screen readers and plain JSON; the one for
    light ground."""
    drawn = [draw(dark=dark) for dark in (False, True)]
    for figure in drawn:
        spec = spec_of(figure)
        layout = spec["layout"]
        assert 3 < len(layout["title"]["text"]) <= LONGEST
        assert len(layout["meta"]["alt"]) > 20
        assert layout["height"] >= 150
        assert dict(titles(layout))
        for name, title in titles(layout):
            assert title or "ticktext" in layout.get(name, {}), f"{name} has no title"
        for trace in spec["data"]:
            assert trace.get("hoverinfo") in ("text", "skip")
    light, dark = (one.layout.template.layout for one in drawn)
    assert light.paper_bgcolor != dark.paper_bgcolor
    assert light.font.color != dark.font.color
    return drawn[0]
