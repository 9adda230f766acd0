"""All findings of a chat file: one pass over the conversations, then what only all of them together tell."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from attribution.neighbors.word_runs import normal
from attribution.progress import Progress
from attribution.studies.hygiene.faults import faults
from attribution.studies.hygiene.finding import HIGH, LOW, MEDIUM, Finding
from attribution.studies.hygiene.language import read
from attribution.studies.hygiene.personal import personal_data
from attribution.studies.hygiene.repeats import conflicts, hash_of, repeats

if TYPE_CHECKING:
    from attribution.datasets.chat.conversation import Conversation

USUAL = 0.05  # share of the rows from which on a language is one of the data's own


@dataclass
class Seen:
    """What a pass over the rows leaves for the comparison of all of them: hashes of the bare question and answer
    (n,) uint64, and what the answers read as."""

    asked: np.ndarray
    said: np.ndarray
    languages: dict[int, tuple[str, str]] = field(default_factory=dict)


def check(
    texts: Sequence[str],
    conversation_of: "Callable[[int], Conversation]",
    splits: Sequence[str],
    kinds: Sequence[str],
    near: float,
    languages: Sequence[str] = (),
    work: Progress | None = None,
) -> list[Finding]:
    """Everything of these ``kinds`` that is wrong with n rows, as far as their texts tell (not: masked, truncated).

    ``texts`` (n,) are whole rows as text; ``near`` is the least similarity of near repeats; ``languages`` are the
    expected ones (none: those that at least a twentieth of the rows read as). Time is linear in the text; in memory
    are the texts and about 600 bytes a row.
    """
    progress = work or Progress()
    nothing = np.zeros(len(texts), dtype=np.uint64)
    seen = Seen(nothing, nothing.copy())
    found: list[Finding] = []
    for row in range(len(texts)):
        found += _of_row(row, conversation_of(row), seen, kinds)
        progress.update(0.7 * row, len(texts), f"looking at rows, {row:,} of {len(texts):,}")
    if {"repeat", "near"} & set(kinds):
        progress.update(0.7, 1, "comparing rows")
        found += repeats(texts, splits, near)
    found += conflicts(seen.asked, seen.said, lambda row: conversation_of(row).answer)
    found += _languages(seen.languages, languages)
    return [one for one in found if one.kind in kinds]


def _of_row(row: int, conversation: "Conversation", seen: Seen, kinds: Sequence[str]) -> Iterator[Finding]:
    """What a row's own turns tell; the rest is noted in ``seen``."""
    yield from faults(row, conversation)
    question, answer = (normal(text) for text in (conversation.question, conversation.answer))
    seen.asked[row] = hash_of(question) if question else 0
    seen.said[row] = hash_of(answer) if answer else 0
    if "personal" in kinds:
        yield from _personal(row, conversation)
    if "language" in kinds and (reading := read(conversation.answer or conversation.plain)):
        seen.languages[row] = (reading.name, reading.by)


def _personal(row: int, conversation: "Conversation") -> Iterator[Finding]:
    """One finding for each name of what is personal in a row, with the first place."""
    shown: dict[str, tuple[int, str, bool]] = {}
    for number, turn in enumerate(conversation.turns, 1):
        for one in personal_data(turn.content):
            times, first, checked = shown.get(one.name, (0, f"{one.shown} in turn {number}", one.checked))
            shown[one.name] = (times + 1, first, checked)
    for name, (times, first, checked) in shown.items():
        holds = "; its checksum holds" if checked else ""
        more = f", and {times - 1} more" if times > 1 else ""
        secret = checked or "key" in name or "token" in name
        article = "An" if name[0] in "aeiAI" else "A"
        yield Finding(row, "personal", HIGH if secret else MEDIUM, f"{article} {name}: {first}{more}{holds}.")


def _languages(read_as: dict[int, tuple[str, str]], expected: Sequence[str]) -> Iterator[Finding]:
    """The rows whose answer reads as a language that is none of the data's."""
    counts = Counter(name for name, _ in read_as.values())
    usual = set(expected) or {name for name, n in counts.items() if n >= max(2, USUAL * len(read_as))}
    if not usual:
        return
    most = max(usual, key=lambda name: counts[name])
    for row, (name, by) in read_as.items():
        if name not in usual:
            yield Finding(row, "language", LOW, f"The answer reads as {name} ({by}); most of these data as {most}.")


def untrained(trained: np.ndarray, left_out: np.ndarray) -> Iterator[Finding]:
    """Rows without a trained token (``trained`` (n,) int64 is 0), and rows of which ``left_out`` (n,) tokens did not
    fit the model's length."""
    for row in np.flatnonzero((trained == 0) | (left_out > 0)).tolist():
        cut = int(left_out[row])
        if trained[row] == 0:
            why = f": the {cut:,} tokens that did not fit hold its answer" if cut else ": no answer is left to predict"
            yield Finding(row, "masked", HIGH, f"No token of this row counts in the loss{why}.")
        else:
            words = f"{cut:,} tokens did not fit; of the trained ones {int(trained[row]):,} are left."
            yield Finding(row, "truncated", MEDIUM, words)
