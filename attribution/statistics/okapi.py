"""Okapi BM25: how well texts answer a query by the words they share, rare words counting more."""

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

WORD = re.compile(r"\w+")
K1, B = 1.2, 0.75  # how fast repeats of a word stop counting, and how much long texts pay for their length


def words_of(text: str) -> list[str]:
    """The words of a text in lower case; any writing system that separates them."""
    return WORD.findall(text.lower())


class Okapi:
    """An index of documents by their words.

    score(q, d) = sum over the words w of q of idf(w) f (k1 + 1) / (f + k1 (1 - b + b |d| / mean |d|)), f how often w
    stands in d, idf(w) = log(1 + (n - n_w + 0.5) / (n_w + 0.5)), which is never negative. A word that the query repeats
    counts as often. Source: Robertson and Zaragoza 2009, The Probabilistic Relevance Framework, equation 3.8, with the
    idf that Lucene takes.
    """

    def __init__(self, documents: Sequence[str], k1: float = K1, b: float = B) -> None:
        self.k1, self.b = k1, b
        counts = [Counter(words_of(document)) for document in documents]
        self.n = len(counts)
        self.lengths = np.array([sum(each.values()) for each in counts], dtype=np.float64)
        self._mean = float(self.lengths.mean()) if self.n and self.lengths.any() else 1.0
        places: dict[str, list[int]] = {}
        often: dict[str, list[int]] = {}
        for place, each in enumerate(counts):
            for word, count in each.items():
                places.setdefault(word, []).append(place)
                often.setdefault(word, []).append(count)
        self._index = {word: (np.array(places[word]), np.array(often[word], dtype=np.float64)) for word in places}

    def idf(self, word: str) -> float:
        """How much a word says, at least 0."""
        known = len(self._index[word][0]) if word in self._index else 0
        return math.log1p((self.n - known + 0.5) / (known + 0.5))

    def scores(self, query: str) -> np.ndarray:
        """Scores of all documents ``(n,)`` float64, at least 0; cost: the places where the query's words stand."""
        found = np.zeros(self.n)
        for word, times in Counter(words_of(query)).items():
            if word in self._index:
                places, often = self._index[word]
                pay = self.k1 * (1 - self.b + self.b * self.lengths[places] / self._mean)
                found[places] += times * self.idf(word) * often * (self.k1 + 1) / (often + pay)
        return found
