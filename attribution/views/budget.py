"""The review's budget on its page: the curve of wrong labels found and expected, and the advice."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from attribution.studies.mislabels.budget import in_words
from attribution.views.colours import EDITED, quiet
from attribution.views.numbers import count

if TYPE_CHECKING:
    from attribution.studies.mislabels.budget import Budget

LEAST = 5  # expected finds among the next 50 reviews under which stopping is advised, unless the user says otherwise
EVERY = 10  # decisions between two looks at the budget


def settled(states: pd.DataFrame) -> pd.DataFrame:
    """The decisions that the budget is read from: whole tens of them, the earliest first, so that it is not computed at
    every key."""
    decided = states[states["verdict"] != ""].sort_values("edit")
    return decided.head(len(decided) // EVERY * EVERY)


def headline(found: "Budget", estimate: Mapping[str, float]) -> str:
    """How many labels are wrong in all, by the decisions so far, and what the search had estimated before them."""
    total, low, high = (found.wrong + part for part in (found.left.estimate, found.left.low, found.left.high))
    return (
        f"About {total:,.0f} of {found.n:,} training labels are wrong in all ({low:,.0f} to {high:,.0f}), judged "
        f"after {found.reviewed:,} "
        f"decisions: {count(found.wrong)} found by then, about {found.left.estimate:,.0f} left. Before them the search "
        "estimated "
        f"{estimate['mid']:,.0f} ({estimate['low']:,.0f} to {estimate['high']:,.0f})."
    )


def advice(found: "Budget", least: float) -> tuple[bool, str]:
    """Whether to stop, and why in one sentence."""
    upcoming = min(found.step, found.n - found.reviewed)
    expected = f"the next {upcoming} reviews would find about {in_words(found.next_yield)} wrong labels"
    if found.reviewed >= found.n:
        return True, "Everything is reviewed."
    if found.stop(least):
        return (
            True,
            f"A good place to stop: {expected}, fewer than the {least:g} you ask for. About {in_words(found.left)} "
            "are left in all.",
        )
    return False, f"Going on pays: {expected}. About {in_words(found.left)} are left in all."


def basis(found: "Budget") -> str:
    """What the numbers rest on."""
    level = f"Ranges are meant to hold the truth in {100 * found.level:.0f} of 100 reviews like this one."
    if not found.calibrated:
        level += " Without the measurement they can be too narrow."
    seen = f"{count(found.reviewed)} decisions, {count(found.wrong)} of them wrong labels"
    planted = (
        "and errors planted in a copy"
        if found.calibrated
        else "and a general idea of how queues thin out (not yet measured here)"
    )
    return f"From {seen}, the search's estimate, {planted}. {level}"


def curve_spec(found: "Budget", upto: int, dark: bool = False) -> dict[str, Any]:
    """ECharts option: wrong labels found so far, and expected with its band if the review goes on, over the first
    ``upto`` positions."""
    curve = found.curve[found.curve["position"] <= upto]
    # The last position before which everything is reviewed.
    now = int((curve["reviewed"] >= curve["position"]).sum()) - 1
    done = curve.iloc[: now + 1]
    coming = curve.iloc[max(now, 0) :]

    def line(frame: pd.DataFrame, column: str) -> list[list[float]]:
        return [[int(x), round(float(y), 1)] for x, y in zip(frame["position"], frame[column], strict=True)]

    def series(name: str, data: list[list[float]], style: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {
            "type": "line",
            "name": name,
            "data": data,
            "symbol": "none",
            "lineStyle": style,
            "animation": False,
            **more,
        }

    band = [
        [x, round(high - low, 1)] for (x, low), (_, high) in zip(line(coming, "low"), line(coming, "high"), strict=True)
    ]
    interval = f"{100 * found.level:.0f} % interval"
    return {
        "animation": False,
        "grid": {"left": 52, "right": 16, "top": 34, "bottom": 48},
        "legend": {"top": 0, "left": 0, "data": ["found", "expected", interval], "selectedMode": False},
        "tooltip": {"trigger": "axis"},
        "xAxis": {
            "type": "value",
            "name": "Reviews in queue order",
            "nameLocation": "middle",
            "nameGap": 26,
            "max": int(curve["position"].iloc[-1]),
        },
        "yAxis": {"type": "value", "name": "Wrong labels", "nameLocation": "middle", "nameGap": 38},
        "series": [
            series("low", line(coming, "low"), {"opacity": 0}, stack="band", tooltip={"show": False}),
            series(
                interval,
                band,
                {"opacity": 0},
                stack="band",
                areaStyle={"color": quiet(dark), "opacity": 0.6},
                itemStyle={"color": quiet(dark)},
            ),
            series(
                "expected",
                line(coming, "expected"),
                {"color": EDITED, "type": "dashed", "width": 2},
                itemStyle={"color": EDITED},
            ),
            series("found", line(done, "found"), {"color": EDITED, "width": 3}, itemStyle={"color": EDITED}),
        ],
    }
