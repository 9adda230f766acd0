"""NumPy and scikit-learn: X and y, or a Bunch."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from attribution.datasets.given import register
from attribution.datasets.given._values import numbers
from attribution.datasets.given.base import Kind, Part, Row, Wanted, names_of
from attribution.datasets.given.pandas_table import table_of
from attribution.errors import UserError

FRAMES = {"pandas:DataFrame", "pandas:Series"}
BOTH = "data=dict(train=..., test=...)"
DO = "Pass data=(X, y) with X (n, ...) and y (n,)."


@register("numpy")
class Arrays(Kind):
    """``(X, y)``: two arrays (or tensors, or lists of as many texts and labels), or scikit-learn's Bunch."""

    title = "NumPy arrays (X, y)"
    types = ("sklearn:Bunch", "numpy:ndarray", "scipy:spmatrix", "scipy:sparray", "pandas:Series", "torch:Tensor")

    def knows(self, data: Any) -> bool:
        pair = isinstance(data, tuple) and len(data) == 2
        return (pair and all(map(_long, data))) or super().knows(data)

    def part(self, data: Any, wanted: Wanted) -> Part:
        names = names_of(data)
        if "sklearn:Bunch" in names:
            return _bunch(data, wanted)
        if not isinstance(data, tuple):
            raise UserError(
                f"The data is a {type(data).__qualname__} without labels.", "A model is trained on labels.", DO
            )
        return pair(data[0], data[1], wanted)


def _long(value: Any) -> bool:
    """Whether a value is one of a pair's two: it has a length, and is no single text."""
    return hasattr(value, "__len__") and not isinstance(value, str | bytes | dict)


def _bunch(data: Any, wanted: Wanted) -> Part:
    found = pair(data["data"], data["target"], wanted)
    names = data.get("target_names")
    whole = np.asarray(data["target"]).dtype.kind in "iu"
    classes = {wanted.config.label: [str(name) for name in names]} if whole and names is not None else {}
    columns = data.get("feature_names")
    if found.table is not None and columns is not None and len(columns) + 1 == found.table.num_columns:
        table = found.table.rename_columns([*map(str, columns), wanted.config.label])
        return Part(found.n, table=table, names=classes)
    return Part(found.n, found.table, found.rows, names=classes, text=found.text)


def pair(x: Any, y: Any, wanted: Wanted) -> Part:
    """The samples of inputs (n, ...) and labels (n,), which stand under the name of the label column."""
    import pandas as pd

    if hasattr(x, "tocsr"):
        raise UserError(
            "X is a sparse matrix.", "A model is handed plain numbers.", "Pass (X.toarray(), y), or fewer columns."
        )
    if not names_of(x).isdisjoint(("torch:Dataset", "datasets:Dataset")):
        raise UserError(
            f"The data is a pair of {type(x).__qualname__}s.",
            "Which is for what is not said.",
            f"Name the splits: {BOTH}.",
        )
    if len(x) != len(y):
        raise UserError(f"X has {len(x):,} samples and y has {len(y):,}.", "Each has one label.", DO)
    label = wanted.config.label
    labels = y.to_list() if hasattr(y, "to_list") else None
    if "pandas:DataFrame" in names_of(x):
        return Part(len(x), table=table_of(x.assign(**{label: labels if labels is not None else list(y)})))
    found = numbers(x)
    targets = numbers(y)
    if found is not None and found.ndim == 2 and (targets is None or targets.ndim == 1):
        frame = pd.DataFrame(found, columns=[f"x{place}" for place in range(found.shape[1])])
        frame[label] = labels if labels is not None else np.asarray(y)
        return Part(len(x), table=table_of(frame))
    return Part(len(x), rows=lambda: _rows(x, y, label), text="" if found is not None else _text(x))


def _text(x: Any) -> str:
    return "input" if len(x) and isinstance(x[0], str) else ""


def _rows(x: Any, y: Any, label: str) -> Iterator[Row]:
    return ({"input": one, label: other} for one, other in zip(x, y, strict=True))
