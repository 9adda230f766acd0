"""The labels of a Python object as one value each: one-hot and (n, 1) labels are taken, several per sample by name."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.errors import UserError
from attribution.settings.configs import DataConfig
from attribution.tasks.choice import chosen

if TYPE_CHECKING:
    import pyarrow as pa


def label_column(values: "pa.Array", classes: Sequence[str], config: DataConfig) -> "pa.Array":
    """A column of labels as a reader takes it: of lists, the one value, the place of the only 1, or (for several
    labels) the names of those that hold."""
    import pyarrow as pa

    kind = values.type
    nested = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    if not nested or not (pa.types.is_integer(kind.value_type) or pa.types.is_floating(kind.value_type)):
        return values
    rows = values.to_pylist()
    widths = {len(row) for row in rows if row is not None}
    several = chosen(config).kind == "set"
    if widths == {1} and not several:
        return pa.array([None if row is None else row[0] for row in rows])
    if len(widths) != 1 or not _zeros_and_ones(rows):
        return values  # lists of labels, or what the reader refuses by name
    if several:
        return pa.array([None if row is None else _names(row, classes) for row in rows], pa.list_(pa.string()))
    return pa.array([None if row is None else _place(row, place) for place, row in enumerate(rows)], pa.int64())


def _zeros_and_ones(rows: list[Any]) -> bool:
    return bool(np.isin(np.array([row for row in rows if row is not None]), (0, 1)).all())


def _names(row: list[float], classes: Sequence[str]) -> list[str]:
    names = classes or [str(place) for place in range(len(row))]
    return [str(names[place]) for place in np.flatnonzero(row).tolist()]


def _place(row: list[float], place: int) -> int:
    if sum(row) != 1:
        raise UserError(
            f"Sample {place} has {int(sum(row))} labels.",
            "There is one label per sample, unless the task says otherwise.",
            'Pass the likeliest class of each sample, or say task="multilabel".',
        )
    return row.index(1)
