"""pandas: a DataFrame, its columns as they are called."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from attribution.datasets.given import register
from attribution.datasets.given._values import is_picture, numbers
from attribution.datasets.given.base import Kind, Part, Row, Wanted

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@register("pandas")
class Pandas(Kind):
    """Columns of numbers, words, dates, pictures or arrays."""

    title = "a pandas DataFrame"
    types = ("pandas:DataFrame", "geopandas:GeoDataFrame")

    def part(self, data: "pd.DataFrame", wanted: Wanted) -> Part:
        name = wanted.config.id
        frame = data.reset_index() if name and name not in data and name in data.index.names else data
        frame = frame.set_axis([str(column) for column in frame.columns], axis=1)
        if any(_holds_content(frame[column]) for column in frame.columns if column != wanted.config.label):
            return Part(len(frame), rows=lambda: _rows(frame))
        return Part(len(frame), table=table_of(frame))


def _holds_content(values: "pd.Series") -> bool:
    """Whether the first value that is there is a picture or an array."""
    there = values.dropna() if values.dtype == object else values[:0]
    return bool(len(there)) and (is_picture(there.iloc[0]) or numbers(there.iloc[0]) is not None)


def _rows(frame: "pd.DataFrame") -> Iterator[Row]:
    names = list(frame.columns)
    return (dict(zip(names, line, strict=True)) for line in frame.itertuples(index=False, name=None))


def table_of(frame: "pd.DataFrame") -> "pa.Table":
    """The columns in Arrow's types; those that mix kinds of values as words."""
    import pyarrow as pa

    return pa.table({str(name): _column(frame.iloc[:, place]) for place, name in enumerate(frame.columns)})


def _column(values: "pd.Series") -> Any:
    import pyarrow as pa

    if isinstance(getattr(values.dtype, "categories", None), type(values.index)):
        values = values.astype(values.dtype.categories.dtype if not values.isna().any() else object)
    try:
        found = pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        words = values.astype(object)
        found = pa.array(words.map(str).where(words.notna(), None), pa.string())
    return found
