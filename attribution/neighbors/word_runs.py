"""Texts as runs of words: stable 64-bit hashes of every k words in a row, and texts that share most of them."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

# Letters and digits in a row; of scripts that are written without spaces, each sign.
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]|[^\W_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]+")
BANDS = 16  # groups of signature values, one of which has to be equal for a pair to be looked at
IN_BAND = 4
BLOCK = 1 << 20  # hashes held at once
MOST_WORDS = 1 << 20  # different words whose hashes are kept in memory
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


class _Hashes(dict[str, int]):
    """Hashes of words, worked out once."""

    def __missing__(self, word: str) -> int:
        if len(self) >= MOST_WORDS:
            self.clear()
        digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        self[word] = found = int.from_bytes(digest, "little")
        return found


_hashes = _Hashes()


def words_of(text: str) -> list[str]:
    """The words of a text without case and marks."""
    return WORD.findall(text.casefold())


def normal(text: str) -> str:
    """A text without what is no word: two with the same differ in case, marks and spaces alone."""
    return " ".join(words_of(text)) or " ".join(text.split())


@dataclass(frozen=True)
class Runs:
    """Hashes (m,) uint64 of the runs of words of n texts, one text after the other in the order of the words;
    ``starts`` (n + 1,) says where each begins. A text shorter than a run is one run, an empty one none."""

    flat: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def counts(self) -> np.ndarray:
        """Runs of each text (n,) int64."""
        return np.diff(self.starts)

    def of(self, text: int) -> np.ndarray:
        """The runs of one text, in order."""
        return self.flat[self.starts[text] : self.starts[text + 1]]

    def places(self, texts: np.ndarray) -> np.ndarray:
        """Where in ``flat`` the runs of these texts stand, one text after the other."""
        counts = self.counts[texts]
        ends = np.cumsum(counts)
        return np.repeat(self.starts[texts] - (ends - counts), counts) + np.arange(ends[-1] if len(ends) else 0)

    def distinct(self) -> "Runs":
        """Each text's different runs, ascending."""
        parts = [np.unique(self.of(text)) for text in range(len(self))]
        return _joined(parts)


def runs_of(texts: Iterable[str], k: int) -> Runs:
    """The runs of ``k`` words of each text; time and memory are linear in the words."""
    return _joined([_runs(word_hashes(text), k) for text in texts])


def word_hashes(text: str) -> np.ndarray:
    """Hashes (m,) uint64 of the words of a text in order."""
    words = words_of(text)
    return np.fromiter(map(_hashes.__getitem__, words), dtype=np.uint64, count=len(words))


def _runs(words: np.ndarray, k: int) -> np.ndarray:
    k = min(k, len(words))
    found = np.zeros(max(len(words) - k + 1, 0) if k else 0, dtype=np.uint64)
    for at in range(k):
        found = found * _FACTOR + words[at : at + len(found)]
    return mixed(found)


def mixed(values: np.ndarray) -> np.ndarray:
    """Values (m,) uint64 with every bit of the result depending on every bit (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(values ^ (values >> np.uint64(31)))


def _joined(parts: Sequence[np.ndarray]) -> Runs:
    starts = np.zeros(len(parts) + 1, dtype=np.int64)
    np.cumsum([len(part) for part in parts], out=starts[1:])
    return Runs(np.concatenate(parts) if parts else np.zeros(0, np.uint64), starts)


def near_pairs(runs: Runs, least: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of texts whose sets of runs have a Jaccard similarity of at least ``least``: the lower text (p,), the
    higher one (p,), and the similarity (p,) float64, each verified.

    Candidates share a band of their MinHash signatures (Broder 1997, Leskovec et al. ch. 3): of pairs at .8 one in
    5,000 is missed, at .7 one in 80, at .6 one in 9. In a band each text is compared with the first and with the one
    before it, so time stays linear where thousands are alike.
    """
    distinct = runs.distinct()
    left, right = _candidates(_signatures(distinct))
    alike = jaccard(distinct, left, right)
    kept = alike >= least
    return left[kept], right[kept], alike[kept]


def jaccard(distinct: Runs, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The share (p,) of common runs among all runs of pairs of texts, from their different ones."""
    counts = distinct.counts
    sizes = counts[left] + counts[right]
    found = np.zeros(len(left))
    for part in _blocks(sizes):
        both = _common(distinct, left[part], right[part])
        found[part] = both / np.maximum(sizes[part] - both, 1)
    return found


def _common(distinct: Runs, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """How many runs (p,) each pair has in common."""
    values = np.concatenate([distinct.flat[distinct.places(side)] for side in (left, right)])
    pair = np.concatenate([np.repeat(np.arange(len(side)), distinct.counts[side]) for side in (left, right)])
    order = np.lexsort((values, pair))
    values, pair = values[order], pair[order]
    twice = (values[1:] == values[:-1]) & (pair[1:] == pair[:-1])
    return np.bincount(pair[1:][twice], minlength=len(left))


def _blocks(sizes: np.ndarray) -> list[slice]:
    """Slices of pairs with about ``BLOCK`` runs each."""
    cuts = np.flatnonzero(np.diff(np.cumsum(sizes) // BLOCK, prepend=0)).tolist()
    edges = [0, *[cut for cut in cuts if cut], len(sizes)]
    return [slice(start, stop) for start, stop in pairwise(edges) if stop > start]


def _signatures(distinct: Runs) -> np.ndarray:
    """MinHash signatures (n, BANDS * IN_BAND) uint64; of an empty text, numbers that no other has."""
    chance = np.random.default_rng(20_260_101)
    factors = chance.integers(1, 1 << 63, BANDS * IN_BAND, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    found = np.empty((len(distinct), len(factors)), dtype=np.uint32)
    counts = distinct.counts
    filled = np.flatnonzero(counts)
    found[counts == 0] = chance.integers(0, 1 << 32, (int((counts == 0).sum()), len(factors)), dtype=np.uint32)
    for part in _blocks(counts[filled]):
        rows = filled[part]
        flat = distinct.flat[distinct.starts[rows[0]] : distinct.starts[rows[-1] + 1]]
        begins = distinct.starts[rows] - distinct.starts[rows[0]]
        for at, factor in enumerate(factors):
            lowest = np.minimum.reduceat(mixed(flat ^ factor), begins)
            found[rows, at] = lowest >> np.uint64(32)
    return found


def _candidates(signatures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of texts that are equal in a band: each with the first of its band and with the one before it."""
    n = len(signatures)
    pairs = [np.zeros(0, dtype=np.int64)]
    for band in range(BANDS):
        values = signatures[:, band * IN_BAND : (band + 1) * IN_BAND].astype(np.uint64)
        key = mixed(values[:, 0] << np.uint64(32) | values[:, 1]) ^ mixed(
            ~(values[:, 2] << np.uint64(32) | values[:, 3])
        )
        order = np.argsort(key, kind="stable")
        new = np.diff(key[order], prepend=~key[order[:1]]).astype(bool)
        first = order[np.maximum.accumulate(np.where(new, np.arange(n), 0))]
        later = np.flatnonzero(~new)
        for other in (first[later], order[later - 1]):
            pairs.append(other.astype(np.int64) * n + order[later])
    unique = np.unique(np.concatenate(pairs))
    left, right = np.divmod(unique, n) if n else (unique, unique)
    return left, right
