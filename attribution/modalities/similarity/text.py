"""Texts: the cosine of their words weighted by rarity, and the share of word triples that they have in common."""

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from attribution.datasets.encode import UNKNOWN, normalise, tokens_of
from attribution.modalities.similarity.base import Criterion, Pairs, Similarity, register
from attribution.progress import Progress

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

SHINGLE = 3  # words in a row
BLOCK = 512  # texts compared with all others at once


@register("text")
class TextSimilarity(Similarity):
    """distance(i, q) = sqrt(2 - 2 cos(v_i, v_q)), v the tf-idf vector of a text's words: log-free counts times ln((1 +
    n) / (1 + df)) + 1.

    The search is exact: a product with the inverted index of the training words. Word triples (shingles) stand beside
    it: they see the order of the words, which tf-idf does not.
    """

    title = "words, weighted by rarity"
    summary = "0 is the same words as often. Blind to word order; the shared word triples beside it are not."
    formula = "√(2 − 2 cos(tf-idfᵢ, tf-idf_q))"
    cost = "One sparse product over the words that two texts share."
    source = (
        "tf-idf as in Salton and Buckley (1988); shingles: Broder, On the resemblance and containment of "
        "documents (1997)."
    )
    threshold = 0.4
    measures: ClassVar[dict[str, Criterion]] = {
        "cosine": Criterion("tf-idf cosine", 0.95, True, "1 is the same words as often."),
        "jaccard": Criterion(
            "shared word triples", 0.5, True, "Share of all word triples of both texts that are in both."
        ),
        "contained": Criterion(
            "contained word triples", 0.8, True, "Share of the shorter text's word triples that are in the longer one."
        ),
    }

    @cached_property
    def _words(self) -> list[list[str]]:
        """Words without punctuation marks, unless there is nothing else."""
        texts = [tokens_of(normalise(text)) for text in self.dataset.samples["text"]]
        return [[word for word in words if word[0].isalnum()] or words for words in texts]

    @cached_property
    def _vectors(self) -> "csr_matrix":
        """tf-idf (n, words), float32 unit rows."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        return TfidfVectorizer(analyzer=lambda words: words, dtype=np.float32).fit_transform(self._words).tocsr()

    def closest(self, rows: np.ndarray, among: np.ndarray, k: int, progress: Progress | None = None) -> Pairs:
        pool = self._vectors[among].T.tocsr()  # the inverted index
        place = np.full(len(self.dataset), -1, dtype=np.int64)
        place[among] = np.arange(len(among))
        k = min(k, len(among) - int((place[rows] >= 0).any()))
        left, right = [], []
        for start in range(0, len(rows) if k > 0 else 0, BLOCK):
            part = rows[start : start + BLOCK]
            similarity = (self._vectors[part] @ pool).toarray()  # (b, n)
            own = np.flatnonzero(place[part] >= 0)
            similarity[own, place[part[own]]] = -1
            best = np.argpartition(-similarity, k - 1, axis=1)[:, :k]
            left.append(among[best].ravel())
            right.append(np.repeat(part, k))
            if progress is not None:
                progress.update(start, len(rows), f"comparing texts, {start:,} of {len(rows):,}")
        nothing = np.zeros(0, dtype=np.int64)
        return self.compare(np.concatenate(left) if left else nothing, np.concatenate(right) if right else nothing)

    def _cosine(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """(m,) float64."""
        parts = [
            np.asarray(
                self._vectors[left[start : start + 8192]].multiply(self._vectors[right[start : start + 8192]]).sum(1)
            ).ravel()
            for start in range(0, len(left), 8192)
        ]
        return np.concatenate(parts).astype(np.float64) if parts else np.zeros(0)

    def compare(self, left: np.ndarray, right: np.ndarray) -> Pairs:
        distance = np.sqrt(np.maximum(0, 2 - 2 * self._cosine(left, right)))
        distance[distance < 2e-3] = 0  # what rounding leaves of a cosine of 1
        return Pairs(left, right, distance.astype(np.float32), np.full(len(left), "", dtype=object))

    @property
    def _ids(self) -> np.ndarray:
        """Words of the vocabulary (n, length), the filling of short texts 0."""
        return self.dataset.inputs

    @cached_property
    def _rarity(self) -> np.ndarray:
        """ln((1 + n) / (1 + times seen)) + 1 of every word of the vocabulary, 0 for the filling of short texts."""
        seen = np.bincount(np.asarray(self._ids).ravel())
        rarity = np.log((1 + len(self.dataset)) / (1 + np.minimum(seen, len(self.dataset)))) + 1
        rarity[: UNKNOWN + 1] = 0
        return rarity.astype(np.float32)

    def toward(self, row: int) -> np.ndarray:
        """The cosine of the words of the vocabulary, weighted by rarity, from the encoded texts alone."""
        inputs = self._ids
        asked = np.bincount(np.asarray(inputs[row]).ravel(), minlength=len(self._rarity)) * self._rarity**2  # (words,)
        found = np.empty(len(inputs), dtype=np.float32)
        for start in range(0, len(inputs), 16 * BLOCK):
            words = np.sort(np.asarray(inputs[start : start + 16 * BLOCK]), axis=1)  # (b, length)
            found[start : start + 16 * BLOCK] = asked[words].sum(1) / np.maximum(self._lengths(words), 1e-6)
        own = float(found[row])
        return found / own if own > 0 else found

    def _lengths(self, words: np.ndarray) -> np.ndarray:
        """Lengths (b,) of the weighted counts of sorted words (b, length): a word at its m-th place adds 2 m - 1 to
        the square of its count."""
        places = np.arange(words.shape[1])
        first = np.where(np.diff(words, axis=1, prepend=-1) != 0, places, 0)
        times = places - np.maximum.accumulate(first, axis=1)  # (b, length): how often it stood before
        return np.sqrt((self._rarity[words] ** 2 * (2 * times + 1)).sum(1))

    def measured(self, left: np.ndarray, right: np.ndarray) -> dict[str, np.ndarray]:
        shingles = {row: shingle_set(self._words[row]) for row in {*left.tolist(), *right.tolist()}}
        jaccard, contained = np.zeros(len(left)), np.zeros(len(left))
        for at, (one, other) in enumerate(zip(left.tolist(), right.tolist(), strict=True)):
            a, b = shingles[one], shingles[other]
            both = len(a & b)
            jaccard[at] = both / max(1, len(a | b))
            contained[at] = both / max(1, min(len(a), len(b)))
        return {"cosine": self._cosine(left, right), "jaccard": jaccard, "contained": contained}


def shingle_set(words: list[str]) -> set[tuple[str, ...]]:
    """All runs of three words; a shorter text is one run."""
    return {tuple(words[at : at + SHINGLE]) for at in range(max(1, len(words) - SHINGLE + 1))}
