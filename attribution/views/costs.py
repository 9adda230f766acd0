"""What a run will cost, or has cost, in plain words."""

from collections.abc import Mapping, Sequence
from typing import Any

from attribution.views.numbers import SPACE, duration, three_digits


def memory(size_bytes: float) -> str:
    """Bytes in words: "450 MB", "1.2 GB"."""
    if size_bytes >= 1e9:
        return f"{size_bytes / 1e9:.1f}{SPACE}GB"
    return f"{three_digits(float(f'{size_bytes / 1e6:.2g}'))}{SPACE}MB"


def about(seconds: float) -> str:
    """A duration as coarse as a told cost is: two significant digits, "0.5 s" at least."""
    if seconds < 0.5:
        return f"under 0.5{SPACE}s"
    return duration(float(f"{seconds:.2g}") if seconds >= 10 else round(seconds, 1))


def sentence(cost: Mapping[str, Any]) -> str:
    """ "About 40 s (30 to 50 s), 450 MB of memory." """
    time = f"About {about(cost['seconds_s'])}" if cost["seconds_s"] >= 0.5 else "Under a second"
    between = f" ({about(cost['low_s'])} to {about(cost['high_s'])})" if cost["seconds_s"] >= 0.5 else ""
    return f"{time}{between}, {memory(cost['peak_bytes'])} of memory."


def alternatives(ways: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence per cheaper way: "Cheaper: Influence function (EK-FAC), about 50 s." """
    return [
        f"Cheaper: {way['what']}, about {about(way['seconds_s'])} ({about(way['low_s'])} to {about(way['high_s'])})."
        for way in ways
    ]


def took(cost: Mapping[str, Any] | None) -> str:
    """What a finished run took, beside the cost that was told before, if there was one; "" when it was not measured or
    is not the whole run."""
    if not cost or not cost.get("whole"):
        return ""
    told = cost.get("forecast")
    beside = f" (forecast {about(told['seconds_s'])}, {memory(told['peak_bytes'])})" if told else ""
    return f"Took {about(cost['seconds_s'])} and {memory(cost['peak_bytes'])} of memory{beside}."
