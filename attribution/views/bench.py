"""What the Compare page shows of a bench: one table in words, forest plots, the matrix of agreement, the removal curve,
the cost."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.detectors import detectors
from attribution.estimators import estimators
from attribution.studies.bench.sentences import sentences
from attribution.views.numbers import MINUS, NONE, SPACE, duration, percent, three_digits

if TYPE_CHECKING:
    from attribution.studies.bench.result import BenchResult

PARTS = {
    "fidelity": "following retraining",
    "usefulness": "finding what is wrong",
    "agreement": "agreement",
    "stability": "another seed",
    "cost": "cost",
}
# The measured columns of the table, and what each says.
COLUMNS = {
    "LDS": "Follows retraining: the linear datamodeling score, 1 perfect, 0 chance.",
    "Planted errors": "Finds planted errors: the average precision.",
    "Another seed": "The rank correlation with the same estimator on a model of another seed.",
    "Time": "For all predictions asked about.",
    "Memory": "Beyond what the model itself takes, at its peak.",
    "Passes": "What it costs in forward passes over the training set.",
}


def titles() -> dict[str, str]:
    """Estimators and detectors by name, in plain words."""
    known = {name: registry.get(name).title for registry in (detectors, estimators) for name in registry.names()}
    return {**known, "queue": "The queue of Review"}


def recommendation(bench: "BenchResult", words: Mapping[str, str]) -> list[str]:
    """What to use for what, in sentences, the headline first, with estimators and detectors by their titles."""
    return sentences(bench.summary, words)


def about(estimate: float, low: float, high: float, unit: str = "") -> str:
    """ "0.448 (0.41 to 0.49)"; a dash where it was not measured."""
    if not np.isfinite(estimate):
        return NONE
    return f"{estimate:.2f}{unit} ({low:.2f} to {high:.2f})".replace("-0.00", "0.00").replace("-", MINUS)


def overview(bench: "BenchResult", words: Mapping[str, str]) -> pd.DataFrame:
    """One line per estimator, the most faithful first; what was not measured is a dash, and what was measured of none
    has no column. The columns are the page's own words."""
    fidelity = bench.fidelity[bench.fidelity["measure"] == "loss"].set_index("estimator")
    useful = bench.usefulness[(bench.usefulness["label"] == -1) & (bench.usefulness["kind"] == "estimator")].set_index(
        "name"
    )
    stability, cost = bench.stability.set_index("estimator"), bench.cost.set_index("estimator")
    picked = bench.summary.get("explain", "")
    lines = []
    for name in bench.estimators:
        one = {"name": name, "lds": float(fidelity["lds"].get(name, np.nan))}
        one["Estimator"] = words.get(name, name) + (" ★" if name == picked else "")
        one["LDS"] = _cell(fidelity, name, "lds", "low", "high")
        one["Planted errors"] = _cell(useful, name, "ap", "ap_low", "ap_high")
        one["Another seed"] = _cell(stability, name, "spearman", "low", "high")
        one["Time"] = _time(float(cost["seconds_s"].get(name, np.nan)))
        one["Memory"] = _memory(float(cost["peak_mib"].get(name, np.nan)))
        passes = float(cost["forward_passes"].get(name, np.nan))
        one["Passes"] = three_digits(passes) if np.isfinite(passes) else NONE
        lines.append(one)
    table = pd.DataFrame(lines).sort_values("lds", ascending=False, na_position="last", kind="stable")
    empty = [name for name in COLUMNS if (table[name] == NONE).all()]
    return table.drop(columns=["name", "lds", *empty]).reset_index(drop=True)


def _time(seconds_s: float) -> str:
    return f"under 0.1{SPACE}s" if seconds_s < 0.05 else duration(seconds_s)


def _memory(peak_mib: float) -> str:
    if not np.isfinite(peak_mib):
        return NONE
    return f"under 1{SPACE}MiB" if peak_mib < 1 else f"{peak_mib:,.0f}{SPACE}MiB"


def _cell(table: pd.DataFrame, name: str, value: str, low: str, high: str) -> str:
    if name not in table.index:
        return NONE
    line = table.loc[name]
    return about(float(line[value]), float(line[low]), float(line[high]))


def fidelity_frame(bench: "BenchResult", words: Mapping[str, str]) -> pd.DataFrame:
    """LDS by estimator, best first: ``name``, ``estimate``, ``low``, ``high``."""
    table = bench.fidelity[bench.fidelity["measure"] == "loss"].sort_values("lds", ascending=False, kind="stable")
    return _forest(table["estimator"], table["lds"], table["low"], table["high"], words)


def usefulness_frame(bench: "BenchResult", words: Mapping[str, str], label: int = -1) -> pd.DataFrame:
    """Average precision on the planted labels, of one given class or all (-1), best first: ``name``, ``estimate``,
    ``low``, ``high``."""
    table = bench.usefulness[bench.usefulness["label"] == label].sort_values("ap", ascending=False, kind="stable")
    return _forest(table["name"], table["ap"], table["ap_low"], table["ap_high"], words)


def _forest(
    names: pd.Series, estimate: pd.Series, low: pd.Series, high: pd.Series, words: Mapping[str, str]
) -> pd.DataFrame:
    shown = [words.get(str(name), str(name)) for name in names]
    return pd.DataFrame(
        {"name": shown, "estimate": estimate.to_numpy(), "low": low.to_numpy(), "high": high.to_numpy()}
    )


def planted_words(bench: "BenchResult", nouns: str = "labels") -> str:
    """What was planted, in one sentence; "" before it was."""
    table = bench.usefulness[bench.usefulness["label"] == -1]
    if table.empty:
        return ""
    n = int(table["samples"].iloc[0])
    planted = int(table["planted"].iloc[0])
    budget = float(bench.request["bench"]["budget"])
    return (
        f"In a sandbox copy, {planted:,} {nouns} of {n:,} were set wrong at random and one model was trained on "
        f"it; your {nouns} are untouched. A random order has average precision {planted / n:.2f}. The review budget is "
        f"the first {percent(budget)} of the queue."
    )


def matrix(bench: "BenchResult", column: str, query_row: int = -1) -> pd.DataFrame:
    """Agreement between estimators as a square table by name: ``column`` is spearman or overlap; ``query_row`` -1 is
    the mean over queries."""
    table = bench.agreement[bench.agreement["query_row"] == query_row]
    square = table.pivot_table(index="a", columns="b", values=column)
    order = [name for name in bench.estimators if name in square.index]
    return square.reindex(index=order, columns=order)


def cost_frame(costs: pd.DataFrame) -> pd.DataFrame:
    """Time against certainty in words: how many models, how long, how wide the interval."""
    return pd.DataFrame(
        {
            "Models retrained on half the data": costs["subsets"],
            "Still to train": costs["missing"],
            "Time": [duration(seconds) if seconds else "none, they are kept" for seconds in costs["seconds_s"]],
            "LDS known to": [
                f"± {half:.2f}" + ("" if known else " (usual)")
                for half, known in zip(costs["half_width"], costs["measured"], strict=True)
            ],
        }
    )


def progress_words(bench: "BenchResult") -> str:
    """Which parts are measured and which are not, in one sentence."""
    done = set(bench.summary.get("done", []))
    missing = [PARTS[part] for part in bench.parts if part in PARTS and part not in done]
    return f"Not measured yet: {', '.join(missing)}" if missing else ""


def rank_points(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Positions (n, 2) float64 of the training samples by two estimators' ranks, as shares: 0 hurts most, 1 helps
    most."""
    n = max(len(first) - 1, 1)
    return np.column_stack(
        [np.argsort(np.argsort(column, kind="stable"), kind="stable") / n for column in (first, second)]
    )


def disagreement_words(line: Mapping[str, Any], words: Mapping[str, str], n: int) -> str:
    """What two estimators say of one training sample for one prediction."""
    first, second = (words.get(str(line[name]), str(line[name])) for name in ("a", "b"))
    return f"{first}: rank {int(line['rank_a']):,} of {n:,} · {second}: rank {int(line['rank_b']):,}"
