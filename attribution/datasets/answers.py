"""Feature columns that give the answer away: the label once more, one that tells it almost alone, or one that is called
like it."""

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.source import Source, listed, note, together
from attribution.datasets.words import look
from attribution.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

ALONE = 0.995  # area under the curve of one column
FEWEST_ROWS = 10  # in fewer a column may agree with the label by chance
FEWEST_OF_CLASS = 5
ROWS_LOOKED_AT = 20_000
VALUES_LOOKED_AT = 20_000_000
WIDE = 2000  # columns; in wider tables a number that tells a class by its middle values alone goes unseen
BINS = 64
CALLED_LIKE = {
    "another target": r"(target|label|labels|class|outcome|response|y|answer|ground_?truth|gt)(_?\d+)?"
    r"|.*_(target|label|class)",
    "a weight": r"(sample|case|instance|survey|row)?_?(weight|weights|wt|wgt)",
    "a prediction": r"(.*_)?(preds?|prediction|predicted|probs?|proba|probability|confidence|logits?)(_?\d+)?",
    "an id": r"(id|uid|uuid|guid|index|key)|.*_(id|uid|uuid)",
}


def look_for_answers(source: Source) -> list[dict[str, Any]]:
    """What the user should know about the ``col:`` columns of a table (of texts
    only that they are not the label); cost: a sort of at most ``ROWS_LOOKED_AT`` values per column.

    Raises ``UserError`` for a column that repeats the label, under the same or other names (in at least ``FEWEST_ROWS``
    rows).
    """
    names = [name for name in source.samples.columns if name.startswith("col:")]
    labels, classes = _codes(source.samples["label"])
    if "text" in source.samples:
        if len(labels) >= FEWEST_ROWS and _same_partition(_codes(source.samples["text"].map(look))[0], labels):
            raise UserError(
                f"The texts of {source.path.name} repeat the label: each of them goes with one class and back.",
                "The model would be given the answer.",
                "Choose the column that holds the texts.",
            )
        return []
    if len(labels) < FEWEST_ROWS or len(classes) < 2 or not names:
        return _called_like(source.samples, names)
    count = int(np.clip(VALUES_LOOKED_AT // len(names), 1000, ROWS_LOOKED_AT))
    some = np.unique(np.linspace(0, len(labels) - 1, min(count, len(labels))).astype(np.int64))
    told: list[dict[str, Any]] = []
    for name in _worth_a_look(source.samples, names, some, labels):
        values = source.samples[name]
        sampled, _ = _codes(values.iloc[some])
        if _repeats(values, sampled, labels, some):
            raise UserError(
                f"Column {name[4:]} of {source.path.name} repeats the label: each of its values goes with one "
                "class and back.",
                "The model would be given the answer.",
                f"Leave it out: name the features without it (--features), or remove the column.{_others(names, name)}",
            )
        alone = _tells(sampled, values.iloc[some], labels[some], len(classes))
        if alone:
            best = max(alone, key=lambda place: alone[place])
            which = (
                "the label"
                if len(classes) == 2
                else f"class {classes[best]!r}" + (f" and {len(alone) - 1} more" if len(alone) > 1 else "")
            )
            what = (
                f"alone tells {which} (area under the curve {alone[best]:.4f}). If it is known only after the "
                "answer, leave it out"
            )
            told.append(note(f"column {name[4:]}", what))
    return together(told) + _called_like(source.samples, names)


def _worth_a_look(samples: "pd.DataFrame", names: list[str], some: np.ndarray, labels: np.ndarray) -> list[str]:
    """All columns of a table; of a very wide one those of words, and those whose order alone comes near to telling a
    class."""
    if len(names) <= WIDE:
        return names
    kept = [name for name in names if samples[name].dtype.kind not in "iuf"]
    numeric = [name for name in names if samples[name].dtype.kind in "iuf"]
    mine = np.eye(int(labels.max()) + 1)[labels[some]]  # (n, classes)
    hits = mine.sum(axis=0)
    pairs = np.maximum(hits * (len(some) - hits), 1)
    for start in range(0, len(numeric), WIDE):
        block = samples[numeric[start : start + WIDE]].iloc[some]
        ranks = block.rank(na_option="top").to_numpy()
        areas = (mine.T @ ranks - (hits * (hits + 1) / 2)[:, None]) / pairs[:, None]  # (classes, columns)
        near = (np.maximum(areas, 1 - areas) > 0.95)[hits >= FEWEST_OF_CLASS].any(axis=0)
        kept += [name for name, yes in zip(block.columns, near, strict=True) if yes]
    return kept


def _repeats(values: "pd.Series", sampled: np.ndarray, labels: np.ndarray, some: np.ndarray) -> bool:
    """Whether the values cut the rows as the labels do, as they stand or once case, blanks and Unicode form are put
    aside."""
    if _same_partition(sampled, labels[some]):
        return _same_partition(_codes(values)[0], labels)
    if values.dtype.kind != "O" or len(np.unique(sampled)) > 50 * (int(labels.max()) + 1):
        return False
    alike = values.map({word: look(str(word)) for word in values.unique()})
    return _same_partition(_codes(alike)[0], labels)


def _others(names: list[str], name: str) -> str:
    rest = [one[4:] for one in names if one != name]
    return f" The others: {listed(rest, 20)}." if rest else ""


def _codes(values: "pd.Series") -> tuple[np.ndarray, list[Any]]:
    import pandas as pd

    codes, different = pd.factorize(values, use_na_sentinel=False)
    return codes.astype(np.int64), list(different)


def _same_partition(codes: np.ndarray, labels: np.ndarray) -> bool:
    """Whether two codings (n,) cut the rows into the same parts."""
    width = int(labels.max()) + 1
    different = len(np.unique(codes))
    return different == len(np.unique(labels)) and len(np.unique(codes * width + labels)) == different


def _tells(codes: np.ndarray, values: "pd.Series", labels: np.ndarray, classes: int) -> dict[int, float]:
    """Classes that the column alone tells from the rest, with the area under the curve (above ``ALONE``).

    The score of a row is the share of the class among the rows of the other half with the same value (numbers: the same
    of ``BINS`` quantiles), so that a column in which every value is different tells nothing by heart; for numbers also
    their order alone.
    """
    bins = codes
    numeric = values.dtype.kind in "iuf"
    order = _below(values.to_numpy(dtype=np.float64)) if numeric else None
    if order is not None and codes.max() >= BINS:
        edges = np.quantile(order, np.linspace(0, 1, BINS + 1)[1:-1], method="lower")
        bins = np.searchsorted(edges, order, side="right")
    counts = np.bincount(labels, minlength=classes)
    frequent = [
        place
        for place in np.argsort(-counts)[:BINS]
        if counts[place] >= FEWEST_OF_CLASS and counts[place] < len(labels)
    ]
    half = np.arange(len(labels)) % 2
    half = np.random.default_rng(0).permutation(half)
    width = int(bins.max()) + 1
    found = {}
    totals = [np.bincount(bins[half == side], minlength=width) for side in (0, 1)]
    for place in frequent[:1] if classes == 2 else frequent:
        mine = labels == place
        score = np.empty(len(labels))
        for side in (0, 1):
            hits = np.bincount(bins[(half == side) & mine], minlength=width)
            share = np.where(totals[side] > 0, hits / np.maximum(totals[side], 1), mine.mean())
            score[half != side] = share[bins[half != side]]
        area = _area(score, mine)
        if order is not None:
            ranked = _area(order, mine)
            area = max(area, ranked, 1 - ranked)
        if area > ALONE:
            found[int(place)] = area
    return found


def _below(values: np.ndarray) -> np.ndarray:
    """Numbers (n,) with what is missing below all others, a group of its own."""
    gone = np.isnan(values)
    return np.where(gone, np.nanmin(values) - 1, values) if gone.any() and not gone.all() else values


def _area(score: np.ndarray, mine: np.ndarray) -> float:
    """Area under the ROC curve of ``score`` (n,) for the rows ``mine`` (n,) bool; ties count half."""
    _, position, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[position]
    hits = int(mine.sum())
    return float((ranks[mine].sum() - hits * (hits + 1) / 2) / (hits * (len(mine) - hits)))


def _called_like(samples: "pd.DataFrame", names: list[str]) -> list[dict[str, Any]]:
    """Lines about columns whose name says that they are no features, and about those that count the rows."""
    told = []
    for name in names:
        values = samples[name]
        if values.dtype.kind in "iu" and len(values) >= FEWEST_ROWS and (np.diff(values.to_numpy()) == 1).all():
            told.append(
                note(
                    f"column {name[4:]}",
                    "only counts the rows, and was taken as a feature. If it says nothing else, leave it out",
                )
            )
            continue
        if name == "col:y" and "col:x" in names:  # a place, not a target
            continue
        for kind, pattern in CALLED_LIKE.items():
            if re.fullmatch(pattern, name[4:].strip().lower().replace(" ", "_").replace("-", "_")):
                told.append(
                    note(
                        f"column {name[4:]}",
                        f"is called like {kind}, and was taken as a feature. If it is none, leave it out",
                    )
                )
                break
    return told
