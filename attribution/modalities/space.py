"""What a classifier that tells one part of the samples from another is given: columns, numbers, or words."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.dataset import Dataset

if TYPE_CHECKING:
    import pandas as pd


PIXELS = 32  # directions of largest variance kept of an image


@dataclass(frozen=True)
class Space:
    """``features`` (n, d) of all rows, the classifier that suits them, its words, and the place of each named
    column."""

    features: Any
    classifier: Callable[[int], Any]
    words: str
    dense: np.ndarray  # (n, k) for clustering
    columns: dict[str, int] = field(default_factory=dict)


MOST_CATEGORIES = 250  # rarer ones share one code: boosted trees take at most 255


def words_space(dataset: "Dataset") -> Space:
    """Which words occur in each text."""
    inputs = np.asarray(dataset.inputs)
    counts = _words(inputs if inputs.ndim == 2 else inputs[:, 0], len(dataset))
    return Space(counts, _sparse_logistic, "logistic regression on the words", _reduced(counts))


def columns_space(dataset: "Dataset", names: list[str]) -> Space:
    """The raw columns of a table."""
    columns = [coded(dataset.samples[name]) for name in names]
    dense = np.asarray(dataset.inputs, dtype=np.float64)
    places = {name.removeprefix("col:"): place for place, name in enumerate(names)}
    categorical = [kind for _, kind in columns]
    features = np.stack([values for values, _ in columns], axis=1)
    return Space(features, lambda seed: _trees(seed, categorical), "boosted trees on the columns", dense, places)


def numbers_space(dataset: "Dataset", what: str) -> Space:
    """The encoded numbers, whatever they are: their directions of largest variance."""
    flat = _directions(np.asarray(dataset.inputs, dtype=np.float64).reshape(len(dataset), -1))
    words = f"logistic regression on {what} (their {flat.shape[1]} directions of largest variance)"
    return Space(flat, logistic, words, flat)


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


def logistic(seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=500))


def _sparse_logistic(seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=0.1, class_weight="balanced", max_iter=500)


def _trees(seed: int, categorical: list[bool]) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=80,
        learning_rate=0.05,
        max_leaf_nodes=6,
        l2_regularization=1.0,
        categorical_features=categorical,
        class_weight="balanced",
        random_state=seed,
    )


def _directions(flat: np.ndarray) -> np.ndarray:
    """The directions of largest variance of (n, d) values: (n, at most 32)."""
    from sklearn.decomposition import PCA

    return np.asarray(PCA(min(PIXELS, *flat.shape), svd_solver="covariance_eigh").fit_transform(flat))


def _words(tokens: np.ndarray, n: int) -> Any:
    """Which words (0 and 1 are padding and unknown) occur in each text: a sparse (n, vocabulary) matrix of 0 and 1."""
    from scipy import sparse

    rows, places = np.nonzero(tokens > 1)
    found = sparse.csr_matrix((np.ones(len(rows)), (rows, tokens[rows, places])), shape=(n, int(tokens.max()) + 1))
    found.data[:] = 1
    return found


def _reduced(counts: Any) -> np.ndarray:
    from sklearn.decomposition import TruncatedSVD

    k = min(PIXELS, counts.shape[1] - 1)
    return np.asarray(TruncatedSVD(k, random_state=0).fit_transform(counts))
