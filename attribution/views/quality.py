"""How well each class is predicted, what it is taken for, and where the model does worse: tables that lead on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.browse.words import words
from attribution.statistics.by_group import counts_of, most_mistaken
from attribution.views.numbers import count, hundredths, percent, share_range, three_digits

if TYPE_CHECKING:
    from attribution.tasks.figure import Reading

MOST = 16  # classes of a table that can still be looked at


def with_scores(table: pd.DataFrame, scores: pd.DataFrame | None, after: str, recall: bool = True) -> pd.DataFrame:
    """The table by class with precision, F1 and (``recall``: unless ``after`` is it) recall in percent behind the
    column ``after``, each with its 95 % interval in words."""
    if scores is None:
        return table
    found = table.copy()
    place = list(found).index(after) + 1
    for name, title in (("f1", "F1"), ("precision", "precision"), ("recall", "recall")):
        found.insert(place, f"{title}, interval", span(scores, name))
        if recall or name != "recall":
            found.insert(place, f"{title}, %", 100 * scores[name].to_numpy())
    return found


def span(table: pd.DataFrame, name: str, factor: float = 100.0) -> list[str]:
    """The interval of a column, "71.2 to 81.8"; "" where there is none."""
    lows, highs = (table[f"{name}_{end}"].to_numpy() * factor for end in ("low", "high"))
    show = hundredths if factor == 100.0 else three_digits
    return [
        f"{show(low)} to {show(high)}" if np.isfinite(low) and np.isfinite(high) else ""
        for low, high in zip(lows, highs, strict=True)
    ]


def confusion(test: pd.DataFrame, classes: Sequence[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """How often each label (rows) is taken for a class (columns), by name, for the ``MOST`` that are mistaken most
    often; and their places among all classes."""
    counts = counts_of(test, len(classes))
    kept = most_mistaken(counts, MOST)
    names = [classes[place] for place in kept]
    return pd.DataFrame(counts[np.ix_(kept, kept)], index=names, columns=names), kept


def shades(table: pd.DataFrame) -> pd.DataFrame:
    """CSS of each cell: the more of a row's samples, the fuller; the diagonal green, mistakes orange."""
    shares = table.to_numpy() / np.maximum(table.to_numpy().sum(1, keepdims=True), 1)
    strength = np.clip(np.where(np.eye(len(table), dtype=bool), 0.55 * shares, 3.0 * shares), 0, 0.75)
    colours = np.where(np.eye(len(table), dtype=bool), "13, 148, 136", "217, 119, 6")
    cells = [
        [f"background-color: rgba({colour}, {alpha:.2f})" for colour, alpha in zip(*row, strict=True)]
        for row in zip(colours, strength, strict=True)
    ]
    return pd.DataFrame(cells, index=table.index, columns=table.columns)


def pair_words(label: str, prediction: str, n: int, of: int) -> str:
    """ "Shirt taken for Pullover: 41 of 200 (20.5 %; 15.5 to 26.6 %)"."""
    said = "recognised" if label == prediction else f"taken for {prediction}"
    return f"{label} {said}: {count(n)} of {count(of)} test samples ({percent(n / max(1, of))}; {share_range(n, of)})"


def pair_find(label: str, prediction: str, split: str) -> str:
    """Filter words for the samples of a cell."""
    return f"split:{split} {words('label', label)} {words('prediction', prediction)}"


def slice_table(slices: pd.DataFrame, reading: "Reading") -> pd.DataFrame:
    """The slices as a page shows them: slice in words, n, the figure with its interval, and the difference to the
    rest."""
    factor = reading.factor
    unit = f", {reading.unit}" if reading.unit else ""
    change = f", {reading.unit_of_change}" if reading.unit else ""
    show: Any = hundredths if factor == 100.0 else three_digits
    lows, highs = (factor * slices[f"difference_{end}"] for end in ("low", "high"))
    return pd.DataFrame(
        {
            "slice": [f"{name}: {value}" for name, value in zip(slices["column"], slices["slice"], strict=True)],
            "samples": slices["n"].to_numpy(),
            f"{reading.title}{unit}": factor * slices["value"].to_numpy(),
            "95 % interval": span(slices.rename({"low": "value_low", "high": "value_high"}, axis=1), "value", factor),
            f"against the rest{change}": factor * slices["difference"].to_numpy(),
            "interval of that": [
                f"{show(low, True)} to {show(high, True)}" for low, high in zip(lows, highs, strict=True)
            ],
            "beyond chance": _beyond(slices, reading),
        }
    )


def _beyond(slices: pd.DataFrame, reading: "Reading") -> list[str]:
    """Whether a slice is worse or better than the rest by more than chance explains; "" for neither."""
    worse = reading.sign * slices["difference"].to_numpy() < 0
    told = slices["told"].to_numpy(dtype=bool)
    return ["" if not sure else "worse" if bad else "better" for sure, bad in zip(told, worse, strict=True)]


def slices_sentence(slices: pd.DataFrame, reading: "Reading") -> str:
    """How many slices are worse than the rest beyond chance, of how many."""
    if slices.empty:
        return "There is no column with values to compare."
    beyond = _beyond(slices, reading)
    worse, better = (beyond.count(word) for word in ("worse", "better"))
    many = "No slice is" if not worse else "One slice is" if worse == 1 else f"{count(worse)} slices are"
    return (
        f"{many} worse than the rest by more than chance explains, of {count(len(slices))} that were looked at "
        f"(Holm's correction for looking at so many).{f' {count(better)} of them do better.' if better > 1 else ''}"
        f"{' One of them does better.' if better == 1 else ''}"
    )
