"""The raw columns of a table as numbers."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

MOST_CATEGORIES = 250  # rarer ones share one code: boosted trees take at most 255


def raw_columns(samples: "pd.DataFrame") -> list[str]:
    """The names of the raw columns (``col:NAME``) of a table's samples."""
    return [str(name) for name in samples.columns if str(name).startswith("col:")]


def coded(column: "pd.Series") -> tuple[np.ndarray, bool]:
    """The column as float64 (n,), and whether it holds categories (coded by how common they are, 0 the commonest).
    Missing is NaN."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan), False
    words = column.astype("string")
    common = {name: place for place, name in enumerate(words.value_counts().index)}
    codes = words.map(common).to_numpy(dtype=np.float64, na_value=np.nan)
    return np.minimum(codes, MOST_CATEGORIES), True
