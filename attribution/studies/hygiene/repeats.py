"""Rows that say what other rows say, also across splits, and questions that are answered in several ways."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from attribution.neighbors.word_runs import Runs, jaccard, near_pairs, normal, runs_of
from attribution.studies.hygiene.finding import DROP, HIGH, KEEP_ONE, LOW, MEDIUM, Finding

WORDS = 3  # in a run
ROUNDS = 24  # of splitting a chain of near repeats into groups around one row each
SPLITS = ("test", "val", "train")  # which copy stays: one that is held out, else the first
SHOWN = 3  # answers of a conflict that are quoted
LONGEST = 60
OTHER = "{other}"  # stands in a sentence for the name of the row that stays


def repeats(texts: Sequence[str], splits: Sequence[str], least: float) -> list[Finding]:
    """A finding for each row but one of each group that says the same, exactly or nearly (Jaccard similarity of runs
    of three words of at least ``least``). ``texts`` (n,) are whole rows, ``splits`` (n,) theirs.

    Costs a pass over the words; 100,000 rows of 40 words take some seconds.
    """
    exact, first = np.unique(np.array([hash_of(text) for text in texts], dtype=np.uint64), return_inverse=True)
    rank = np.array([SPLITS.index(split) for split in splits], dtype=np.int64)
    stays = _first_of(first, rank, len(exact))
    found = []
    for row, group in enumerate(first.tolist()):
        if (other := int(stays[group])) != row:
            words = _where(splits[other], splits[row] != splits[other], "The same, character for character,")
            found.append(Finding(row, "repeat", HIGH, words, DROP, group=group, other=other))
    return found + list(_near(np.sort(stays), texts, splits, rank, least))


def hash_of(text: str) -> int:
    """64 bits of a text, character for character; never 0."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little") or 1


def _first_of(group: np.ndarray, rank: np.ndarray, n: int) -> np.ndarray:
    """The row (n,) of each group that stays: the lowest rank, then the lowest row."""
    order = np.lexsort((np.arange(len(group)), rank, group))
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    return order[starts] if n else order


@lru_cache(maxsize=64)
def _where(split: str, across: bool, what: str) -> str:
    """ "The same stands in the test split as {other}": where the other one is; its name comes later."""
    held = {"test": "the test split", "val": "the validation split", "train": "training"}[split]
    more = ", so its score there means nothing" if across and split != "train" else ""
    return f"{what} stands in {held} as {OTHER}{more}."


def _near(
    kept: np.ndarray, texts: Sequence[str], splits: Sequence[str], rank: np.ndarray, least: float
) -> Iterator[Finding]:
    """Of rows of which no two are the same, those that are nearly."""
    bare = [normal(texts[row]) for row in kept]
    for at, other, alike in around_one(runs_of(bare, WORDS), rank[kept], least):
        row, stays = int(kept[at]), int(kept[other])
        only = bare[at] == bare[other]
        how = "case, marks and spaces" if only else f"some words ({100 * alike:.0f} % of the word triples are in both)"
        words = _where(splits[stays], splits[row] != splits[stays], f"The same but for {how}")
        yield Finding(row, "near", HIGH if only else MEDIUM, words, DROP, group=stays, other=stays)


def around_one(runs: Runs, rank: np.ndarray, least: float) -> list[tuple[int, int, float]]:
    """Groups of near texts, as (text, the one that stays, their verified similarity): every member is near the one
    that stays itself, so that no chain of small steps drops what is different."""
    left, right, _ = near_pairs(runs, least)
    distinct = runs.distinct() if len(left) else runs
    open_ = np.zeros(len(runs), dtype=bool)
    open_[np.concatenate([left, right])] = True
    found: list[tuple[int, int, float]] = []
    for _ in range(ROUNDS):
        both = open_[left] & open_[right]
        left, right = left[both], right[both]
        if not len(left):
            break
        members, stays = _gathered(left, right, rank)
        others, stays = members[members != stays], stays[members != stays]
        alike = jaccard(distinct, others, stays)
        near = alike >= least
        found += zip(others[near].tolist(), stays[near].tolist(), alike[near].tolist(), strict=True)
        open_[others[near]] = False
        open_[stays] = False
    return sorted(found)


def _gathered(left: np.ndarray, right: np.ndarray, rank: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All texts of these pairs (m,), and of each the text (m,) that stays of those that hang together with it: the
    lowest rank, then the first."""
    ties = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(len(rank), len(rank)))
    number, group = connected_components(ties, directed=False)
    members = np.unique(np.concatenate([left, right]))
    order = members[np.lexsort((members, rank[members]))]
    stays = np.zeros(number, dtype=np.int64)
    stays[group[order[::-1]]] = order[::-1]
    return members, stays[group[members]]


def conflicts(asked: np.ndarray, said: np.ndarray, answer_of: Callable[[int], str]) -> Iterator[Finding]:
    """A finding for each row whose question (but for case, marks and spaces) is answered in another way elsewhere.

    ``asked`` and ``said`` (n,) uint64 are hashes of each row's bare question and answer, 0 where there is none;
    ``answer_of`` reads the answer of a row, of the conflicting ones alone.
    """
    rows = np.flatnonzero((asked != 0) & (said != 0))
    pairs = np.unique(np.stack([asked[rows], said[rows]]), axis=1)[0]
    questions, answers = np.unique(pairs, return_counts=True)
    groups: dict[int, list[int]] = {}
    for row in rows[np.isin(asked[rows], questions[answers > 1])].tolist():
        groups.setdefault(int(asked[row]), []).append(row)
    for number, members in enumerate(groups.values()):
        yield from _conflict(number, members, said, answer_of)


def _conflict(number: int, rows: Sequence[int], said: np.ndarray, answer_of: Callable[[int], str]) -> Iterator[Finding]:
    """One finding per row of a question, with what others answer."""
    ways: dict[int, int] = {}
    for row in rows:
        ways.setdefault(int(said[row]), row)
    shown = {way: short(answer_of(row)) for way, row in list(ways.items())[: SHOWN + 1]}
    open_question = len(ways) > 3 and 2 * len(ways) > len(rows)  # hardly two agree: it may have many right answers
    for row in rows:
        others = [way for way in shown if way != int(said[row])][:SHOWN]
        quoted = ", ".join(f'"{shown[way]}"' for way in others)
        more = f" and {len(ways) - 1 - len(others):,} more" if len(ways) - 1 > len(others) else ""
        words = f"The same question has {len(ways):,} different answers; others say {quoted}{more}."
        severity = LOW if open_question else MEDIUM
        mine = shown.get(int(said[row])) or short(answer_of(row))
        yield Finding(row, "conflict", severity, words, KEEP_ONE, mine, number, ways[others[0]])


def short(text: str) -> str:
    """The beginning of a text on one line."""
    line = " ".join(text[: 4 * LONGEST].split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1].rstrip()}…"
