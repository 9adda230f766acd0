"""What items of a benchmark and training rows have in common word by word: runs of eight, and how common those are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attribution.neighbors.word_runs import WORD, Runs, runs_of, word_hashes
from attribution.progress import Progress

SHORT, LONG = 8, 13  # words of a run
COPY = 0.5  # share of an item's runs from which on a row is a copy of it, not one that quotes
COMMON_ROWS = 5  # rows that are no copies of it: a run that stands in so many is common text
COMMON_ITEMS = 3  # and one that so many items have (or a hundredth of them)
ROWS = 2048  # read at once
MOST = 20  # rows of one item, those that hold the most of it


@dataclass(frozen=True)
class Shared:
    """Pairs of an item (p,) and a row (p,) with words in common: the share (p,) of the item's uncommon runs of eight
    words that stand in the row (``part``), of its question's and its answer's (NaN where it has none), how many runs
    (``runs``), and how many of common text (``common``)."""

    item: np.ndarray
    row: np.ndarray
    part: np.ndarray
    question: np.ndarray
    answer: np.ndarray
    runs: np.ndarray
    common: np.ndarray


@dataclass(frozen=True)
class Index:
    """The runs of all items: different hashes ascending, and for each the entries (item, place) that have it."""

    hashes: np.ndarray
    starts: np.ndarray
    item: np.ndarray
    of_question: np.ndarray  # per entry: whether the run stands in the question alone
    n: int

    @staticmethod
    def of(questions: Sequence[str], answers: Sequence[str]) -> "Index":
        """Of items (n,) whose text is the question and the answer after it. Items shorter than a run have none."""
        runs = runs_of((f"{one}\n{other}" for one, other in zip(questions, answers, strict=True)), SHORT)
        words = np.array([len(word_hashes(text)) for text in questions])
        whole = np.array([len(word_hashes(text)) for text in answers]) + words >= SHORT
        item = np.repeat(np.arange(len(runs)), runs.counts)
        place = np.arange(len(runs.flat)) - runs.starts[item]
        flat, item, place = (values[whole[item]] for values in (runs.flat, item, place))
        order = np.lexsort((item, flat))
        hashes, starts = np.unique(flat[order], return_index=True)
        asked = (place + SHORT <= words[item])[order]
        return Index(hashes, np.append(starts, len(flat)), item[order], asked, len(questions))


def shared(index: Index, rows: Sequence[str], work: Progress | None = None) -> Shared:
    """What the rows have in common with the items; time is linear in the words of both, apart from text that many
    items share, which does not count."""
    progress = work or Progress()
    found = [np.zeros((3, 0), dtype=np.int64)]
    for start in range(0, len(rows), ROWS):
        progress.update(start, len(rows), f"comparing rows word by word, {start:,} of {len(rows):,}")
        found.append(_hits(index, runs_of(rows[start : start + ROWS], SHORT), start))
    return _measured(index, *np.concatenate(found, axis=1))


def _hits(index: Index, runs: Runs, first: int) -> np.ndarray:
    """(row, place of the hash, entry) of every different run of an item in a row, int64 (3, m)."""
    if not len(index.hashes):
        return np.zeros((3, 0), dtype=np.int64)
    at = np.minimum(np.searchsorted(index.hashes, runs.flat), len(index.hashes) - 1)
    there = np.flatnonzero(index.hashes[at] == runs.flat)
    row = np.repeat(np.arange(len(runs)), runs.counts)[there] + first
    pairs = np.unique(np.stack([row, at[there]]), axis=1)
    counts = np.diff(index.starts)[pairs[1]]
    ends = np.cumsum(counts)
    entry = np.repeat(index.starts[pairs[1]] - (ends - counts), counts) + np.arange(int(counts.sum()))
    return np.concatenate([np.repeat(pairs, counts, axis=1), entry[None]])


def _measured(index: Index, row: np.ndarray, place: np.ndarray, entry: np.ndarray) -> Shared:
    """Shares of items in rows, without what is common text."""
    item = index.item[entry]
    pair, inverse = np.unique(np.stack([item, row]), axis=1, return_inverse=True)
    inverse = inverse.reshape(-1)
    size = np.bincount(index.item, minlength=index.n)
    raw = np.bincount(inverse, minlength=pair.shape[1]) / size[pair[0]]
    many = np.diff(index.starts) >= max(COMMON_ITEMS, 0.01 * index.n)
    quoting = raw[inverse] < COPY
    quotes = np.unique(np.stack([place[quoting], row[quoting]]), axis=1)[0]
    common = many | (np.bincount(quotes, minlength=len(index.hashes)) >= COMMON_ROWS)
    own = ~np.repeat(common, np.diff(index.starts))  # per entry
    whole, asked, said = (
        _share(index, own & part, entry, inverse, pair)
        for part in (np.ones(len(own), dtype=bool), index.of_question, ~index.of_question)
    )
    counted = own[entry]
    runs, bare = (np.bincount(inverse[which], minlength=pair.shape[1]) for which in (counted, ~counted))
    return _strongest(Shared(pair[0], pair[1], whole, asked, said, runs, bare))


def _share(index: Index, wanted: np.ndarray, entry: np.ndarray, inverse: np.ndarray, pair: np.ndarray) -> np.ndarray:
    """Of the wanted entries of each pair's item, the share (p,) that stands in its row; NaN without any."""
    total = np.bincount(index.item[wanted], minlength=index.n)[pair[0]]
    there = np.bincount(inverse[wanted[entry]], minlength=pair.shape[1])
    return np.divide(there, total, out=np.full(len(total), np.nan), where=total > 0)


def _strongest(found: Shared) -> Shared:
    """The ``MOST`` rows of each item that hold the most of it."""
    order = np.lexsort((found.row, -found.common, -np.nan_to_num(found.part), found.item))
    item = found.item[order]
    first = np.flatnonzero(np.diff(item, prepend=-1))
    rank = np.arange(len(item)) - np.repeat(first, np.diff(np.append(first, len(item))))
    kept = order[rank < MOST]
    return Shared(*(getattr(found, name)[kept] for name in Shared.__dataclass_fields__))


@dataclass(frozen=True)
class Span:
    """The longest run of words that two texts have in common, as it stands in the second one, and how many runs of
    thirteen words they share."""

    words: int
    text: str
    long_runs: int


def longest_span(item: str, row: str) -> Span:
    """By halving: whether two texts share a run of k words, for about 17 different k; linear in both for each."""
    one, other = word_hashes(item), word_hashes(row)
    low = 0
    high = min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _common_at(one, other, middle) >= 0 else (low, middle - 1)
    at = _common_at(one, other, low) if low else -1
    if at < 0:
        return Span(0, "", 0)
    long = len(np.intersect1d(_windows(one, LONG), _windows(other, LONG))) if low >= LONG else 0
    return Span(low, _text_at(row, at, low), long)


def _windows(words: np.ndarray, k: int) -> np.ndarray:
    """A hash (m - k + 1,) of every run of k words, by doubling: runs of 2^j are made of two of 2^(j - 1)."""
    found = words.copy()
    width = 1
    factor = np.uint64(0x9E3779B97F4A7C15)
    while width < k:
        step = min(width, k - width)
        later = found[step:]
        found = (found[: len(later)] * factor) ^ (later + np.uint64(width))
        width += step
    return found


def _common_at(one: np.ndarray, other: np.ndarray, k: int) -> int:
    """Where in the second text (words from the beginning) the first common run of k words stands; -1 for none."""
    found = np.flatnonzero(np.isin(_windows(other, k), _windows(one, k)))
    return int(found[0]) if len(found) else -1


def _text_at(text: str, first: int, n: int) -> str:
    """The words ``first`` to ``first + n - 1`` of a text as they stand there."""
    start = stop = 0
    for number, match in enumerate(WORD.finditer(text)):
        if number == first:
            start = match.start()
        if number == first + n - 1:
            stop = match.end()
            break
    return text[start:stop]
