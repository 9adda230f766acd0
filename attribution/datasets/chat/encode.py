"""Conversations as tokens of a vocabulary of their own: words, for a model that is trained from nothing."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from attribution.datasets.chat.conversation import TURNS, Conversation
from attribution.datasets.encode import Encoded, normalise, tokens_of
from attribution.datasets.row_hashes import content_hash
from attribution.datasets.source import Source, note
from attribution.progress import Progress
from attribution.settings.configs import DataConfig
from attribution.storage.rows import rows_into

if TYPE_CHECKING:
    import pandas as pd

PADDING, UNKNOWN, START, END = range(4)
SPECIAL = ("<padding>", "<unknown>", "<start>", "<end>")
BEYOND, CONTEXT, TRAINED = range(-1, 2)  # what a position is: padding, read, or learned
USUAL = 512  # longest conversation in tokens, where nobody says


def limit_of(config: DataConfig) -> int:
    """The longest conversation in tokens: ``max_tokens`` where it was set."""
    return USUAL if config.max_tokens == DataConfig.max_tokens else config.max_tokens


def words_of(conversation: Conversation) -> list[tuple[str, bool]]:
    """The tokens of a conversation, and which of them are trained: a sign for each turn's role, its words, and an end,
    which belongs to the turn."""
    found = [(SPECIAL[START], False)]
    for turn in conversation.turns:
        if turn.role == "text":  # a text is no turn of anybody
            found += [(word, True) for word in tokens_of(normalise(turn.content))]
        elif turn.role == "tokens":
            found += [(word, turn.trained) for word in turn.content.split()]
        else:
            found.append((f"<{turn.role}>", False))
            found += [(word, turn.trained) for word in tokens_of(normalise(turn.content))]
            found.append((SPECIAL[END], turn.trained))
    return found


def encode_chats(
    source: Source, samples: "pd.DataFrame", config: DataConfig, folder: Path, progress: Progress
) -> Encoded:
    """int32 (n, 2, T): token ids, and what each position is (``CONTEXT``, ``TRAINED``, ``BEYOND`` its end). T is the
    longest conversation, at most ``limit_of``; the vocabulary is that of the training part, the most frequent first.
    Two passes over the words, one conversation in memory at a time."""
    limit = limit_of(config)
    n = len(samples)
    counts: Counter[str] = Counter()
    sizes = []
    for number, (text, split) in enumerate(zip(samples[TURNS], samples["split"], strict=True)):
        progress.update(number, 2 * n, "counting words")
        words = words_of(Conversation.from_json(text))
        sizes.append(Size.of(words, limit))
        if split == "train":
            counts.update(word for word, _ in words[:limit])
    vocabulary, different = _vocabulary(counts, config.vocabulary)
    number_of = {word: number for number, word in enumerate(vocabulary)}
    length = min(limit, max(size.tokens for size in sizes))
    with rows_into(folder / "inputs.npy", np.int32, (2, length), n) as rows:
        for number, text in enumerate(samples[TURNS]):
            progress.update(n + number, 2 * n, "reading conversations")
            rows.append(_row(words_of(Conversation.from_json(text))[:length], number_of, length))
    problems = notes(sizes, samples["source"].tolist(), limit, different - config.vocabulary, config)
    preprocessing = {"vocabulary": vocabulary, "schema": source.samples.attrs.get("schema", "messages")}
    hashes = [content_hash(text.encode()) for text in samples[TURNS]]
    return Encoded(samples.assign(hash=hashes), (2, length), preprocessing, problems)


class Size(NamedTuple):
    """How many tokens a conversation has, and whether one is trained: of all, and of those that are left of it."""

    tokens: int
    trained: bool
    kept: bool

    @staticmethod
    def of(words: list[tuple[str, bool]], limit: int) -> "Size":
        """The size of a conversation that is cut after ``limit`` tokens."""
        kept = any(trained for _, trained in words[:limit])
        return Size(len(words), kept or any(trained for _, trained in words), kept)


def encoded(conversation: Conversation, vocabulary: list[str], length: int) -> np.ndarray:
    """One conversation as ``encode_chats`` writes it, int32 (2, length)."""
    return _row(words_of(conversation)[:length], {word: number for number, word in enumerate(vocabulary)}, length)


def _row(words: list[tuple[str, bool]], number_of: dict[str, int], length: int) -> np.ndarray:
    row = np.zeros((2, length), dtype=np.int32)
    row[1] = BEYOND
    row[0, : len(words)] = [number_of.get(word, UNKNOWN) for word, _ in words]
    row[1, : len(words)] = [TRAINED if trained else CONTEXT for _, trained in words]
    return row


def _vocabulary(counts: "Counter[str]", most: int) -> tuple[list[str], int]:
    for word in SPECIAL:
        counts.pop(word, None)
    frequent = sorted(counts, key=lambda word: (-counts[word], word))[:most]
    return [*SPECIAL, *frequent], len(counts)


def notes(sizes: list[Size], sources: list[str], limit: int, lumped: int, config: DataConfig) -> list[dict[str, Any]]:
    """Lines about conversations that are cut, about those of which nothing trained is left, and about rare words."""
    told = []
    long = [place for place, size in enumerate(sizes) if size.tokens > limit]
    if long:
        longest = max(size.tokens for size in sizes)
        what = f"{len(long):,} of {len(sizes):,} are longer than {limit:,} tokens (max_tokens) and cut"
        told.append(note("conversations", f"{what}; the longest has {longest:,}"))
    lost = [place for place in long if sizes[place].trained and not sizes[place].kept]
    if lost:
        more = f" (and {len(lost) - 1:,} more rows)" if len(lost) > 1 else ""
        told.append(note(sources[lost[0]], f"trains nothing: its answer begins beyond the cut{more}", len(lost)))
    if lumped > 0:
        told.append(note("words", f"only the {config.vocabulary:,} most frequent are told apart (vocabulary)"))
    return told
