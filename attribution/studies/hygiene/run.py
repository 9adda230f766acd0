"""The search for faulty rows: every check on every conversation, written as one table of findings."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.chat.conversation import TURNS, Conversation
from attribution.datasets.chat.encode import TRAINED, words_of
from attribution.datasets.dataset import Dataset
from attribution.datasets.words import whole
from attribution.errors import UserError
from attribution.progress import Progress
from attribution.settings.configs import fingerprint
from attribution.storage.tables import write_table
from attribution.studies.base import Context, Request
from attribution.studies.hygiene.check import check, untrained
from attribution.studies.hygiene.finding import HIGH, KINDS, LOW, MEDIUM, Finding
from attribution.studies.hygiene.language import COMMONEST, SCRIPTS
from attribution.studies.hygiene.repeats import OTHER
from attribution.studies.hygiene.result import COLUMNS
from attribution.studies.hygiene.study import HygieneConfig

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1  # raise when the same request would give another result than before
SEVERITIES = (HIGH, MEDIUM, LOW)
BLOCK = 8192  # rows of the encoded tokens read at once


def request(context: Context, config: HygieneConfig) -> Request:
    """The rows as imported and the settings. ``UserError`` for data without conversations, and for a language that
    cannot be told."""
    dataset = context.dataset
    if TURNS not in dataset.column_names:
        raise UserError(
            "These samples are no chats.",
            "What is looked for are repeats, answers and turns of conversations.",
            "Look for leaks and duplicates instead (datablame leaks), or for wrong labels (datablame flag).",
        )
    known = (*COMMONEST, *sorted(set(SCRIPTS.values())))
    if unknown := [name for name in config.languages if name not in known]:
        raise UserError(f"{unknown[0]!r} is no language that is told apart.", "", f"Those are: {', '.join(known)}.")
    said = {"format": FORMAT, "data": dataset.info.base_hash, **asdict(config)}
    if rewritten := getattr(dataset, "rewritten", {}):
        said["rewritten"] = fingerprint(sorted(rewritten.items()))
    return Request({**said, "version": context.labels.version}, parts=(said,))


def compute(context: Context, config: HygieneConfig, asked: Request, out: Path, work: Progress) -> dict[str, Any]:
    """Write ``findings.parquet`` (``result.COLUMNS``), the gravest kinds first. Dropped rows take part: what was
    dropped says nothing about the others."""
    dataset = context.dataset
    kinds = config.kinds or tuple(KINDS)
    turns = dataset.column(TURNS)
    texts = dataset.column("text").tolist()
    splits = dataset.column("split").tolist()
    found = check(
        texts, lambda row: Conversation.from_json(turns.iat[row]), splits, kinds, config.near, config.languages, work
    )
    if {"masked", "truncated"} & set(kinds):
        found += [one for one in untrained(*_tokens(dataset, turns)) if one.kind in kinds]
    table = _table(dataset, found)
    write_table(out / "findings.parquet", table)
    return {"n": len(texts), "kinds_found": table["kind"].value_counts().to_dict(), "rows": int(table["row"].nunique())}


def _tokens(dataset: Dataset, turns: "pd.Series") -> tuple[np.ndarray, np.ndarray]:
    """Trained tokens of each row that are left (n,), and those that did not fit (n,), both int64."""
    n = len(dataset)
    trained, left_out = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    for start in range(0, n, BLOCK):
        kinds = np.asarray(dataset.inputs[start : start + BLOCK])[:, 1]  # (b, T)
        trained[start : start + BLOCK] = (kinds == TRAINED).sum(1)
        for row in start + np.flatnonzero(kinds[:, -1] >= 0):
            left_out[row] = len(words_of(Conversation.from_json(turns.iat[row]))) - kinds.shape[1]
    return trained, left_out


def _table(dataset: Dataset, found: list[Finding]) -> "pd.DataFrame":
    """The findings with the names of their rows."""
    import pandas as pd

    sources = dataset.column("source").tolist()
    ids, splits = (dataset.column(name).tolist() for name in ("id", "split"))
    order = {(kind, severity): (SEVERITIES.index(severity), place)
             for place, kind in enumerate(KINDS) for severity in SEVERITIES}  # fmt: skip
    lines = []
    for one in sorted(found, key=lambda one: (*order[one.kind, one.severity], one.group, one.row)):
        other = f"{sources[one.other]} ({ids[one.other]})" if one.other >= 0 else ""
        line = one.as_line()
        sentence = one.sentence.replace(OTHER, other) if one.kind in ("repeat", "near") else one.sentence
        line |= {"sentence": whole(sentence), "excerpt": whole(one.excerpt)}
        lines.append({**line, "id": ids[one.row], "source": sources[one.row], "split": splits[one.row]})
    return pd.DataFrame(lines, columns=list(COLUMNS)).astype(COLUMNS)
