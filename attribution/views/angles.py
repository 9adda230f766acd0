"""What the Angles page shows: the scatter of cosine against length, the polar histogram, layers, checkpoints, the
plane, and the words."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from attribution.views.numbers import count, percent, plural, three_digits
from attribution.views.stories import Pull

DECADES = 6  # lengths below the longest by more are drawn at the chart's lower edge
ROUGH, UNREACHED = 0.01, 0.5  # relative residuals above which a solution gives its turn only roughly, and not at all
BINS = 18  # of ten degrees
OWN, OTHER, ALL = "own label", "another label", "all training samples"
NEAR, FAR = "values near its own", "other values"


def degrees(cosines: np.ndarray) -> np.ndarray:
    """Angles in degrees, 0 to 180, of cosines."""
    return np.degrees(np.arccos(np.clip(np.asarray(cosines, dtype=np.float64), -1, 1)))


def points(rows: np.ndarray, cosines: np.ndarray, norms: np.ndarray, n: int) -> np.ndarray:
    """Positions (n, 2) float64 of all samples by row: cosine, and log10 of the gradient's length, at most ``DECADES``
    below the longest.

    NaN where nothing was measured. The logarithm is taken here, so that a lasso's straight edges hold what they seem to
    hold.
    """
    found = np.full((n, 2), np.nan)
    longest = max(float(norms.max(initial=0.0)), 1e-30)
    found[rows] = np.column_stack([cosines, np.log10(np.maximum(norms, longest * 10.0**-DECADES))])
    return found


def sides(labels: np.ndarray, rows: np.ndarray, query_labels: Sequence[int]) -> dict[str, np.ndarray]:
    """Training rows by whether they carry a label of the query; one group where the query holds every label that they
    have."""
    own = np.isin(labels[rows], list(query_labels))
    return {ALL: rows} if own.all() or not own.any() else {OWN: rows[own], OTHER: rows[~own]}


def histogram(angles: np.ndarray) -> np.ndarray:
    """Shares (``BINS``,) of angles in steps of ten degrees; they add up to 1."""
    counts, _ = np.histogram(angles, bins=BINS, range=(0, 180))
    return counts / max(len(angles), 1)


def layer_sentence(layers: Sequence[Mapping[str, Any]]) -> str:
    """Where the query's gradient lies."""
    top = max(layers, key=lambda layer: float(layer["share"]))
    inside = percent(round(float(top["share"]), 3))
    name = top["name"] or "model"
    weights = plural(int(top["parameters"]), "weight")
    return f"{inside} of the pull of what you asked about acts on layer {name} ({top['kind']}), which has {weights}."


def turn_at(checkpoint: Mapping[str, Any], ratio: float) -> Mapping[str, Any]:
    """What one checkpoint says of one damping ratio."""
    return next(one for one in checkpoint["curvature"] if one["ratio"] == ratio)


def turn_sentence(checkpoint: Mapping[str, Any], usual: float) -> str:
    """What curvature does to the question, in words."""
    turn = turn_at(checkpoint, usual)
    if turn["residual"] > UNREACHED:
        return "How far curvature turns the question was not reached: measure again with more `--iterations`."
    weak = min(
        (one for one in checkpoint["curvature"] if one["residual"] <= UNREACHED), key=lambda one: float(one["ratio"])
    )
    if turn["turn"] < 15:
        meaning = "estimators with and without curvature answer nearly the same question"
    elif turn["turn"] < 45:
        meaning = "estimators without curvature answer a somewhat different question"
    else:
        meaning = "estimators without curvature answer a different question"
    first = (
        f"Curvature turns the question by **{_degrees(turn)}** at the damping that the curvature estimators "
        f"use: {meaning}."
    )
    if weak["ratio"] == turn["ratio"]:
        return first
    return (
        f"{first} With damping {weak['ratio']:g} instead of {turn['ratio']:g} mean eigenvalues it would be "
        f"{_degrees(weak)}."
    )


def _degrees(turn: Mapping[str, Any]) -> str:
    if turn["residual"] > UNREACHED:
        return "not reached"
    about = "about " if turn["residual"] > ROUGH else ""
    return f"{about}{float(turn['turn']):.{1 if turn['turn'] < 10 else 0}f}°"


def turn_line(checkpoint: Mapping[str, Any], usual: float) -> dict[str, str]:
    """One checkpoint as a table's line: epoch, and the turn by damping ratio; the usual one is marked, rough ones say
    "about"."""
    line = {"epoch": str(checkpoint["epoch"])}
    for one in checkpoint["curvature"]:
        line[f"{one['ratio']:g}{' (usual)' if one['ratio'] == usual else ''}"] = _degrees(one)
    return line


def against_sentence(against: Mapping[str, Any], n_train: int) -> str:
    """How far the samples that pull against the query pull together."""
    if not against["n"]:
        return "No training sample pulls against it."
    share = percent(round(against["n"] / n_train, 3))
    angle = f"{float(against['angle']):.0f}°"
    verb = "pulls" if against["n"] == 1 else "pull"
    return (
        f"{plural(int(against['n']), 'training sample')} ({share}) {verb} the other way; taken together they pull at "
        f"{angle} to what you asked about (180° would be its exact opposite)."
    )


def spread_sentence(angles: Mapping[str, np.ndarray]) -> str:
    """The middle and the ends of each group's angles."""
    parts = []
    for name, values in angles.items():
        low, middle, high = (float(np.quantile(values, q)) for q in (0.1, 0.5, 0.9))
        who = {
            OWN: f"{count(len(values))} training samples with its own label",
            OTHER: f"{count(len(values))} with another label",
            NEAR: f"{count(len(values))} training samples with the values nearest to its own",
            FAR: f"{count(len(values))} with other values",
            ALL: f"All {count(len(values))} training samples",
        }[name]
        parts.append(f"{who}: median {middle:.0f}°, eight of ten between {low:.0f}° and {high:.0f}°")
    return "; ".join(parts) + "."


def pull_sentence(
    cosines: np.ndarray, influence: np.ndarray, pulls: tuple[Pull, Pull], strongest: str, many: str
) -> str:
    """How many training samples pull which way, and which pulls most: ``strongest`` in words; ``many`` is what they
    are called."""
    if not len(cosines):
        return f"No training {many} were measured."
    ways = [pull.title[:1].lower() + pull.title[1:] for pull in pulls]
    counts = [int((side * cosines > 0).sum()) for side in (1, -1)]
    top = int(np.argsort(-np.abs(influence), kind="stable")[0])
    way = ways[0 if influence[top] > 0 else 1].removeprefix("pull").strip(" ,")
    return (
        f"Of {count(len(cosines))} training {many} {count(counts[0])} {ways[0]} and {count(counts[1])} {ways[1]}. The "
        f"strongest pull is that of {strongest}, {way}."
    )


def agreement_sentence(influence: np.ndarray, curved: np.ndarray) -> str:
    """Of how many samples curvature changes the sign, and how alike the two orders are."""
    from scipy.stats import spearmanr

    same = float(np.mean(np.sign(influence) == np.sign(curved)))
    order = float(spearmanr(influence, curved).statistic) if len(influence) > 2 else float("nan")
    return (
        f"With curvature {percent(round(same, 3))} of the training samples keep their sign; rank correlation of the "
        f"two influences {three_digits(order)}."
    )


def plane(columns: Sequence[Mapping[str, Any]], inputs: np.ndarray) -> tuple[tuple[str, str], np.ndarray] | None:
    """Names of the two columns and the points (n, 2) in their own units, where the inputs are two numbers; None
    otherwise.

    ``columns`` describe the inputs (``DatasetInfo.preprocessing``), which are standardised.
    """
    if inputs.ndim != 2 or inputs.shape[1] != 2 or [column.get("kind") for column in columns] != ["number", "number"]:
        return None
    scale, middle = (np.array([float(column[key]) for column in columns]) for key in ("std", "mean"))
    return (str(columns[0]["name"]), str(columns[1]["name"])), np.asarray(inputs) * scale + middle
