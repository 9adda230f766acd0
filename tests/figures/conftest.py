"""What every figure owes its reader, whatever it shows."""

import json

import pytest

LARGEST = 300_000  # bytes of JSON


def titles(layout):
    """Title of every axis that shows ticks."""
    for name, axis in [*layout.items(), *layout.get("polar", {}).items()]:
        if name.startswith(("xaxis", "yaxis", "radialaxis")) and axis.get("showticklabels", True):
            yield name, (axis.get("title") or {}).get("text", "")


@pytest.fixture
def sound():
    """``sound(draw)`` draws a figure for both grounds and asks for title, units, words for screen readers, plain JSON
    of a bounded size; it returns the one for light ground."""

    def check(draw):
        drawn = [draw(dark=dark) for dark in (False, True)]
        for figure in drawn:
            text = figure.to_json()
            assert len(text) < LARGEST
            spec = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} in the JSON"))
            layout = spec["layout"]
            assert 8 < len(layout["title"]["text"]) <= 48  # as long as a phone is wide
            assert len(layout["meta"]["alt"]) > 20
            assert layout["height"] >= 150
            assert dict(titles(layout))
            for name, title in titles(layout):
                assert title or "ticktext" in layout.get(name, {}), f"{name} has no title"
            for trace in spec["data"]:
                assert trace.get("hoverinfo") in ("text", "skip") or trace.get("hovertemplate")
        light, dark = (one.layout.template.layout for one in drawn)
        assert light.paper_bgcolor != dark.paper_bgcolor
        assert light.font.color != dark.font.color
        return drawn[0]

    return check
