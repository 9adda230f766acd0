"""What speaks for a kind of suspect, in words."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

Lines = list[tuple[float, str]]  # the value of a signal, and its sentence


def sentences(entry: "pd.Series", kind: str, classes: Sequence[str], held_out: bool) -> list[str]:
    """The signals of mislabelled, hard or rare in words, those that speak loudest first."""
    given, other = classes[int(entry["label"])], classes[int(entry["suggested"])]
    shares = _shares(entry, given, other, held_out)
    votes = _votes(entry, given, other)
    pair = f"{given} and {other} are taken for each other in {_percent(entry['confused'])} of cases"
    if kind == "mislabelled":
        lines = [(entry["models"], shares), (entry["neighbors"], votes), *_mislabelled(entry, pair)]
    elif kind == "hard":
        lines = [(entry["torn_models"], shares), (entry["torn_neighbors"], votes), *_hard(entry, pair)]
    elif kind == "rare" and not entry["judged"]:
        lines = [(1.0, f"No other training sample of class {given} differs from it, so nothing can judge its label.")]
    elif kind == "rare":
        top = _percent(max(float(entry["neighbor_distance_top"]), 0.001))
        far = f"Its nearest neighbours are far away: among the {top} most isolated training samples."
        lines = [(1.0, far), (0.5, votes)]
    else:
        lines = [(0.0, "No signal stands out.")]
    return [text for _, text in sorted(lines, key=lambda line: -float(line[0]))]


def _mislabelled(entry: "pd.Series", pair: str) -> Lines:
    rank = 1 - float(entry["distinct"])
    lines = [(entry["distinct"], f"{pair}, less often than {_percent(1 - rank)} of all pairs of classes.")]
    if math.isfinite(entry["epochs"]):
        share = "every epoch" if entry["epochs"] >= 0.995 else f"{_percent(entry['epochs'])} of the epochs"
        words = f"After {share} another class was ahead of its label."
        lines.append((entry["epochs"], words))
    if entry["contradicts"]:
        share = _percent(min(float(entry["sure"]), 0.99))
        lines.append((entry["sure"], f"Of labels contradicted as surely as this one, about {share} are wrong."))
    return lines


def _hard(entry: "pd.Series", pair: str) -> Lines:
    rank = 1 - float(entry["distinct"])
    lines = [(rank, f"{pair}, more often than {_percent(rank)} of all pairs of classes.")]
    if math.isfinite(entry["variability"]):
        share = _percent(entry["variability"])
        words = f"The model's confidence in its label varied more over training than for {share} of samples."
        lines.append((entry["variability"], words))
    if entry["contradicts"]:
        share = _percent(1 - entry["sure"])
        words = f"Of labels contradicted no more surely than this one, about {share} are right."
        lines.append((1 - entry["sure"], words))
    return lines


def _shares(entry: "pd.Series", given: str, other: str, held_out: bool) -> str:
    models = "Models that did not train on it give" if held_out else "The model gives"
    return f"{models} {other} {_percent(entry['p_suggested'])} and {given}, its label, {_percent(entry['p_given'])}."


def _votes(entry: "pd.Series", given: str, other: str) -> str:
    return f"{_percent(entry['claimed'])} of its neighbours are labelled {other}, {_percent(entry['v_given'])} {given}."


def _percent(share: float) -> str:
    value = 100 * float(share)
    return f"{value:.0f} %" if value >= 10 or value < 0.05 else f"{value:.1f} %"
