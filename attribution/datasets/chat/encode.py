"""Conversations as tokens of a vocabulary of their own: words, for a model that is trained from nothing."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    longest conversation, at most ``limit_of``; the vocabulary is that of the training part, the most frequent first."""
    limit = limit_of(config)
    whole = [words_of(Conversation.from_json(text)) for text in samples[TURNS]]
    cut = [words[:limit] for words in whole]
    vocabulary, different = _vocabulary(cut, (samples["split"] == "train").tolist(), config.vocabulary)
    number_of = {word: number for number, word in enumerate(vocabulary)}
    length = max(len(words) for words in cut)
    with rows_into(folder / "inputs.npy", np.int32, (2, length), len(cut)) as rows:
        for number, words in enumerate(cut):
            progress.update(number, len(cut), "reading conversations")
            rows.append(_row(words, number_of, length))
    sources = samples["source"].tolist()
    problems = notes(whole, sources, limit, different - config.vocabulary, config)
    preprocessing = {"vocabulary": vocabulary, "schema": source.samples.attrs.get("schema", "messages")}
    hashes = [content_hash(text.encode()) for text in samples[TURNS]]
    return Encoded(samples.assign(hash=hashes), (2, length), preprocessing, problems)


def encoded(conversation: Conversation, vocabulary: list[str], length: int) -> np.ndarray:
    """One conversation as ``encode_chats`` writes it, int32 (2, length)."""
    return _row(words_of(conversation)[:length], {word: number for number, word in enumerate(vocabulary)}, length)


def _row(words: list[tuple[str, bool]], number_of: dict[str, int], length: int) -> np.ndarray:
    row = np.zeros((2, length), dtype=np.int32)
    row[1] = BEYOND
    row[0, : len(words)] = [number_of.get(word, UNKNOWN) for word, _ in words]
    row[1, : len(words)] = [TRAINED if trained else CONTEXT for _, trained in words]
    return row


def _vocabulary(rows: list[list[tuple[str, bool]]], training: list[bool], most: int) -> tuple[list[str], int]:
    counts = Counter(word for words, wanted in zip(rows, training, strict=True) if wanted for word, _ in words)
    for word in SPECIAL:
        counts.pop(word, None)
    frequent = sorted(counts, key=lambda word: (-counts[word], word))[:most]
    return [*SPECIAL, *frequent], len(counts)


def notes(
    whole: list[list[tuple[str, bool]]], sources: list[str], limit: int, lumped: int, config: DataConfig
) -> list[dict[str, Any]]:
    """Lines about conversations that are cut, about those of which nothing trained is left, and about rare words."""
    told = []
    long = [place for place, words in enumerate(whole) if len(words) > limit]
    if long:
        longest = max(map(len, whole))
        what = f"{len(long):,} of {len(whole):,} are longer than {limit:,} tokens (max_tokens) and cut"
        told.append(note("conversations", f"{what}; the longest has {longest:,}"))
    lost = [place for place in long if not any(trained for _, trained in whole[place][:limit])]
    lost = [place for place in lost if any(trained for _, trained in whole[place])]
    if lost:
        more = f" (and {len(lost) - 1:,} more rows)" if len(lost) > 1 else ""
        told.append(note(sources[lost[0]], f"trains nothing: its answer begins beyond the cut{more}", len(lost)))
    if lumped > 0:
        told.append(note("words", f"only the {config.vocabulary:,} most frequent are told apart (vocabulary)"))
    return told
