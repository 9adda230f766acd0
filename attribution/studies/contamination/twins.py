"""Rows that ask what an item asks in other words: the nearest of each other by rare words, whatever their order."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from attribution.neighbors.word_runs import words_of
from attribution.progress import Progress

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

TITLE = "rare words of the question, without endings (tf-idf)"
ENDING = re.compile(r"(?:ations?|ings?|ed|es|s|er|ly|ion|ment)$")
STEM = 6  # letters of a word that count
CODE = re.compile(r"^\s*(?:>>>|from\s|import\s).*$", re.MULTILINE)  # examples and imports ask nothing
ROWS = 4096  # compared at once
NEAREST = 0.85  # of an item's nearest row: others that near are its twins, too
SIGNS = 20_000  # of a question that are looked at


def stems(text: str) -> list[str]:
    """The words of a question's beginning, each by its first letters without an ending; no numbers."""
    words = words_of(CODE.sub(" ", text[:SIGNS]))
    return [(ENDING.sub("", word) if len(word) > 4 else word)[:STEM] for word in words if not word.isdigit()]


def twins(
    items: Sequence[str], rows: Sequence[str], taken: np.ndarray, work: Progress | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Item (p,), row (p,) and cosine (p,) of the pairs of which the item is the row's nearest, and hardly any row
    (``NEAREST``) is nearer to the item; of ``taken`` rows (n,) bool, which hold an item word by word, none.

    Costs one sparse product of items and rows; in memory are both as sparse vectors, and a block of cosines.
    """
    progress = work or Progress()
    vectors, others = _vectors(items, rows)
    nearest = np.zeros(len(rows), dtype=np.int64)
    cosine = np.zeros(len(rows), dtype=np.float32)
    turned = vectors.T.tocsr()
    for start in range(0, len(rows), ROWS):
        progress.update(start, len(rows), f"comparing questions, {start:,} of {len(rows):,}")
        found = (others[start : start + ROWS] @ turned).toarray()  # (b, items)
        nearest[start : start + ROWS] = found.argpartition(-1, axis=1)[:, -1]
        cosine[start : start + ROWS] = found.max(1)
    cosine[taken] = 0
    best = np.zeros(len(items), dtype=np.float32)
    np.maximum.at(best, nearest, cosine)
    kept = np.flatnonzero((cosine > 0) & (cosine >= NEAREST * best[nearest]))
    return nearest[kept], kept, cosine[kept].astype(np.float64)


def _vectors(items: Sequence[str], rows: Sequence[str]) -> "tuple[csr_matrix, csr_matrix]":
    """tf-idf unit vectors of both, by the rarity of stems among both."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    both = [*items, *rows]
    if not any(stems(text) for text in items):
        from scipy.sparse import csr_matrix

        return csr_matrix((len(items), 1), dtype=np.float32), csr_matrix((len(rows), 1), dtype=np.float32)
    found = TfidfVectorizer(analyzer=stems, sublinear_tf=True, dtype=np.float32).fit_transform(both).tocsr()
    return found[: len(items)], found[len(items) :]
