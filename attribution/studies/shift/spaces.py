"""What a classifier that tells test from training samples is given: the columns of a table, pixels, words, or the
representation."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.studies.shift.columns import coded, raw_columns

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset
    from attribution.training.run import Run

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


def space_of(dataset: "Dataset", run: "Run | None", kind: str) -> Space:
    """The features of all rows for ``kind`` (inputs or representation)."""
    if kind == "representation" and run is not None:
        features = np.asarray(run.representation(), dtype=np.float64)
        return Space(features, _logistic, "logistic regression on what the model sees", features)
    modality = dataset.info.modality
    if modality == "text":
        counts = _words(np.asarray(dataset.inputs), len(dataset))
        return Space(counts, _sparse_logistic, "logistic regression on the words", _reduced(counts))
    names = raw_columns(dataset.samples)
    if modality == "tabular" and names:
        columns = [coded(dataset.samples[name]) for name in names]
        dense = np.asarray(dataset.inputs, dtype=np.float64)
        places = {name.removeprefix("col:"): place for place, name in enumerate(names)}
        categorical = [kind for _, kind in columns]
        features = np.stack([values for values, _ in columns], axis=1)
        return Space(features, lambda seed: _trees(seed, categorical), "boosted trees on the columns", dense, places)
    flat = np.asarray(dataset.inputs, dtype=np.float64).reshape(len(dataset), -1)
    flat = _directions(flat)
    what = "the pixels" if modality == "image" else "the columns"
    return Space(
        flat, _logistic, f"logistic regression on {what} (their {flat.shape[1]} directions of largest variance)", flat
    )


def _logistic(seed: int) -> Any:
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
