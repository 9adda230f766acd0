"""Kept costs: told again at once, and held against what the run really took."""

from dataclasses import asdict
from typing import Any

from attribution.settings.configs import request_of, to_dict
from attribution.storage.artefact import Artefact
from attribution.studies.base import Context, Request
from attribution.studies.costs.model import Cost

LONG_S = 60.0  # from here a cheaper way is looked for
FORMAT = 1


class CostResult(Artefact):
    """What a piece of work would cost: ``config`` holds kind, seconds_s with low_s and high_s, peak_bytes (of the whole
    process), parts (seconds by kind of work), pilot_s (what the pilot took) and alternatives: cheaper ways, each
    ``{what, seconds_s, low_s, high_s, peak_bytes}``."""

    what = "forecast"

    @property
    def alternatives(self) -> list[dict[str, Any]]:
        """Cheaper ways, the likest to what was asked first; empty when it is not long."""
        return list(self.config["alternatives"])

    @property
    def told(self) -> dict[str, float]:
        """Seconds, range and memory alone."""
        return {name: self.config[name] for name in ("seconds_s", "low_s", "high_s", "peak_bytes")}


def told_of(kind: str, context: Context, config: Any, asked: Any = None) -> Request:
    """Everything that decides what work of a kind costs: also the model, the labels and what is ``asked``."""
    run = context.run.id if context.run else ""
    version = context.labels.version
    said = {"kind": kind, "run": run, "version": version, "request": to_dict(config)}
    parts = ("forecast", FORMAT, kind, {**request_of(config), "run": run}, version, asked)
    return Request(said, parts, ready=asked)


def plain(cost: Cost) -> dict[str, Any]:
    """A cost as JSON values: seconds to the hundredth, bytes."""
    found = {name: round(float(value), 2) for name, value in asdict(cost).items() if name.endswith("_s")}
    return {**found, "peak_bytes": cost.peak_bytes}


def figures(cost: Cost, pilot_s: float, alternatives: list[dict[str, Any]]) -> dict[str, Any]:
    """What such a result says."""
    parts = {name: round(float(seconds), 3) for name, seconds in cost.parts.items()}
    return {**plain(cost), "parts": parts, "pilot_s": round(pilot_s, 2), "alternatives": alternatives}
