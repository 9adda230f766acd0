"""The ledger in words that people read: who changed what, when, and on which evidence."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pandas as pd

from attribution.storage.states import MARKS, decides, words_of
from attribution.views.comparison import value_words
from attribution.views.numbers import NONE, clock, duration, plural, three_digits

if TYPE_CHECKING:
    from attribution.storage.batches import Batch
    from attribution.storage.ledger import Edit
    from attribution.tasks.figure import Reading

COLUMNS = ["id", "time", "sample", "change", "reason", "evidence", "by", "batch", "state"]


PLACES = {"train": "training", "val": "the validation set", "test": "the test set"}
NO_LABEL = "no label"
NAMED = 3  # outcomes of one batch that are named


def place_words(splits: Iterable[str]) -> str:
    """Where samples of these splits are taken out of: "training", "training and the test set"."""
    present = set(splits)
    return " and ".join(words for split, words in PLACES.items() if split in present) or "use"


def change_words(action: str, old: str, new: str, place: str = "training") -> str:
    """What an entry did, from a sample's states in words: "Coat → Shirt", "Coat: dropped from training", "Coat: kept",
    "undo: Shirt → Coat"; of a mark "tag: to ask"."""
    if action == "drop":
        return f"{old}: dropped from {place}"
    if action in MARKS:
        return " → ".join(filter(None, (old and f"no more {old}", new)))
    if old == new:
        return f"{new}: kept" if action == "keep" else f"{action}: {new}"
    return f"{old} → {new}" if action in ("relabel", "keep") else f"{action}: {old} → {new}"


def said(
    edits: Sequence["Edit"],
    splits: Iterable[str] = ("train",),
    word: Callable[[str], str] = lambda word: word,
    n: int = 0,
) -> str:
    """What one batch did, in a line: "train-00012: Shirt → Pullover", "323 samples: dropped from training"; ``splits``
    are those of its samples, ``word`` says a target of the ledger as a page shows it. ``n``: how many there are where
    ``edits`` are one for each state that it led to."""
    place = place_words(splits)
    shown = lru_cache(maxsize=None)(lambda label: word(label) if label else NO_LABEL)
    first = edits[0]
    n = n or len(edits)
    if n == 1:
        changed = first.old.active and first.new.active and first.old.label != first.new.label
        return f"{first.sample}: {f'{shown(first.old.label)} ' if changed else ''}{_step(first, place, shown)}"
    steps = list(dict.fromkeys(_step(edit, place, shown) for edit in edits))
    if first.action in ("undo", "redo") and len(steps) > 1:
        return plural(n, "sample")
    more = f" and {len(steps) - NAMED} more" if len(steps) > NAMED else ""
    return f"{plural(n, 'sample')}: {', '.join(steps[:NAMED])}{more}"


def batch_facts(batch: "Batch") -> list[str]:
    """When, by whom and why a batch was made, and the evidence of its first decision."""
    first = batch.shown[0]
    found = (clock(first.time_s), first.author, first.reason, evidence_words(first.evidence))
    return [words for words in found if words]


def standing_words(action: str, n: int, gone: int) -> str:
    """Whether a batch of ``n`` decisions holds: "", "taken back", "12 of 323 taken back"; "" for undo and redo."""
    if not gone or action in ("undo", "redo"):
        return ""
    return "taken back" if gone == n else f"{gone} of {n} taken back"


def _step(edit: "Edit", place: str, word: Callable[[str], str]) -> str:
    """What an entry came to, whatever was there before: "→ Pullover", "dropped from training", "tag: to ask"."""
    old, new = edit.old, edit.new
    if not decides(old, new):
        return change_words("tag", *words_of(old, new))
    if not new.active and new.verdict == "drop":
        return f"dropped from {place}"
    if not old.active and old.verdict == "drop":
        return f"back in {place} as {word(new.label)}"
    if old.label != new.label:
        return f"→ {word(new.label)}"
    return f"kept as {word(new.label)}" if new.verdict == "keep" else "undecided again"


def evidence_words(evidence: Mapping[str, Any]) -> str:
    """The evidence of an entry in one line: estimator or detectors, values, ranks, and the query it was seen from."""
    plain = {name: value for name, value in evidence.items() if isinstance(value, (str, int, float)) and value != ""}
    return " · ".join(
        f"{name.replace('_', ' ')} {three_digits(value) if isinstance(value, float) else value}"
        for name, value in plain.items()
    )


def table(edits: pd.DataFrame, splits: pd.Series | None = None) -> pd.DataFrame:
    """The ledger's entries, newest first, in the columns of ``COLUMNS``; ``state`` is "in force", "taken back" or ""
    for undo and redo."""
    lines = []
    for edit in edits.sort_values("id", ascending=False).to_dict("records"):
        place = "training" if splits is None else place_words([str(splits.iloc[int(edit["row"])])])
        standing = "" if edit["action"] in ("undo", "redo") else "taken back" if edit.get("reverted") else "in force"
        lines.append(
            {
                "id": int(edit["id"]),
                "time": clock(edit["time"].timestamp()),
                "sample": str(edit["sample"]),
                "change": change_words(edit["action"], edit["old"], edit["new"], place),
                "reason": edit.get("reason") or "",
                "evidence": evidence_words(edit.get("evidence")),
                "by": edit.get("author") or "",
                "batch": str(edit.get("batch") or "")[:8],
                "state": standing,
            }
        )
    return pd.DataFrame(lines, columns=COLUMNS)


def versions_table(versions: pd.DataFrame) -> pd.DataFrame:
    """Data versions in words: ``version``, ``what``, ``models``."""
    what = ["as imported" if base else "edited" for base in versions["base"]]
    marks = [f"{word}, current" if current else word for word, current in zip(what, versions["current"], strict=True)]
    return pd.DataFrame(
        {"version": [name[:6] for name in versions["version"]], "what": marks, "models trained": versions["runs"]}
    )


def runs_table(runs: Sequence[Any], current: str, reading: "Reading") -> pd.DataFrame:
    """Models: ``model``, the test figure with its unit, ``current``, ``took``, ``data version``, ``seed``."""
    lines = []
    for run in runs:
        metrics = run.metrics()
        test = metrics[metrics["split"] == "test"].sort_values("epoch")
        lines.append(
            {
                "model": run.id[:6],
                f"test {reading.title}": value_words(reading, test[reading.name].iloc[-1]) if len(test) else NONE,
                "current": "current" if run.id == current else "",
                "took": duration(run.config.get("seconds_s")),
                "data version": run.version[:6],
                "seed": int(run.config.get("seed", 0)),
            }
        )
    return pd.DataFrame(lines)
