"""Train against test on its page: what the figures mean in words, and the frames of its charts."""

from typing import TYPE_CHECKING

import pandas as pd

from attribution.statistics.intervals import Interval
from attribution.views.numbers import MINUS, three_digits

if TYPE_CHECKING:
    from attribution.studies.shift.result import ShiftResult

SPACES = {"inputs": "The data themselves", "representation": "What the model sees"}
KINDS = {"column": "Columns", "region": "Regions", "label": "Labels", "value": "Values"}
NOTES = {
    "column": "Numeric columns: difference of the means in standard deviations. Others: the category whose share "
    "differs most surely, in shares of one.",
    "region": "Clusters of alike samples; the share of the test set in one minus the share of the training set.",
    "label": "The share of a label in the test set minus its share in the training set.",
    "value": "The share of test values in each fifth of the training values, minus the share of training values there.",
}


def meaning(found: "ShiftResult") -> str:
    """What follows from the verdict, with the control where it matters."""
    auc, control = found.auc, found.control
    if auc.low <= 0.5:
        return "Nothing speaks against the test score holding for data like your training data."
    text = (
        "The two sets differ in a way that shows below; the test score may not hold for data like your training data."
    )
    if control is not None and control.low > 0.5:
        text += f" But validation samples are told from training samples too ({range_of(control)}): " + (
            "the model remembers what it was trained on."
            if found.space == "representation"
            else "look at how the data were split."
        )
    return text


def range_of(interval: Interval) -> str:
    """ "0.52 (0.50 to 0.54)"."""
    return f"{interval.estimate:.2f} ({interval.low:.2f} to {interval.high:.2f})"


def chance_words(p: float) -> str:
    """In how many splits of data drawn alike chance alone would show as much, from the p-value: "99 of 100"."""
    if p < 1e-4:
        return "under 1 of 10,000"
    return f"{round(10_000 * p)} of 10,000" if p < 0.01 else f"{min(round(100 * p), 99)} of 100"


def frame_of(found: "ShiftResult", kind: str, most: int = 12) -> pd.DataFrame:
    """``name``, ``estimate``, ``low``, ``high`` of the surest differences of one kind, for a forest plot; shares in
    points of a hundred."""
    lines = found.differences[found.differences["kind"] == kind].head(most)
    scale = 1 if kind == "column" else 100
    return pd.DataFrame(
        {
            "name": lines["name"],
            "estimate": scale * lines["difference"],
            "low": scale * lines["low"],
            "high": scale * lines["high"],
        }
    ).reset_index(drop=True)


def table_of(found: "ShiftResult", kind: str) -> pd.DataFrame:
    """The lines of one kind as a table: name, what differs, and for columns what the classifier loses without each."""
    lines = found.differences[found.differences["kind"] == kind]
    words = lines["words"].str.replace(r"(?<![\w.])-(?=\d)", MINUS, regex=True)
    table = pd.DataFrame({kind: lines["name"], "what differs": words})
    if lines["importance"].notna().any():
        table["AUC lost without it"] = [three_digits(round(float(lost), 4)) for lost in lines["importance"]]
    return table.reset_index(drop=True)


def clear_ones(found: "ShiftResult") -> str:
    """Which lines differ for sure, in one sentence."""
    lines = found.differences
    sure = lines[(lines["low"] > 0) | (lines["high"] < 0)]
    if sure.empty:
        return "Nothing that was looked at differs for sure."
    names = [f"{line.kind} {line.name}" for line in sure.head(3).itertuples()]
    return f"{len(sure)} of {len(lines)} differ for sure, among them {', '.join(names)}."
