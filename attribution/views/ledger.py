"""The ledger as a table that people read: who changed what, when, and on which evidence."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from attribution.views.numbers import clock, three_digits

COLUMNS = ["id", "time", "sample", "change", "reason", "evidence", "by", "batch", "state"]


def state_words(state: Any, classes: Sequence[str]) -> str:
    """A sample's state in words: its label, and whether it is out of training."""
    values = state if isinstance(state, Mapping) else getattr(state, "__dict__", {}) or {}
    label = values.get("label")
    name = classes[int(label)] if label is not None and 0 <= int(label) < len(classes) else str(label)
    return name if values.get("active", True) else f"{name}, dropped"


def change_words(action: str, old: Any, new: Any, classes: Sequence[str]) -> str:
    """What an entry did: "coat → shirt", "coat dropped", "coat kept", "undo: shirt → coat"."""
    before, after = state_words(old, classes), state_words(new, classes)
    if action == "relabel":
        return f"{before} → {after}"
    if action == "drop":
        return f"{before} dropped"
    if action == "keep":
        return f"{after} kept" if before == after else f"{before} → {after}"
    return f"{action}: {before} → {after}" if before != after else f"{action}: {before}"


def evidence_words(evidence: Any) -> str:
    """The evidence of an entry in one line: estimator or detectors, value, rank, and the query it was seen from."""
    values = json.loads(evidence) if isinstance(evidence, str) and evidence else evidence if isinstance(evidence, Mapping) else {}
    parts = []
    for name, value in values.items():
        if value is None or isinstance(value, (list, dict)):
            continue
        parts.append(f"{name.replace('_', ' ')} {three_digits(value) if isinstance(value, float) else value}")
    return " · ".join(parts)


def table(edits: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """The ledger's entries, newest first, in the columns of ``COLUMNS``; ``state`` is "in force", "taken back" or "" for undo and redo."""
    lines = []
    for edit in edits.sort_values("id", ascending=False).to_dict("records"):
        standing = "" if edit["action"] in ("undo", "redo") else "taken back" if edit.get("reverted") else "in force"
        moment = edit["time"]
        lines.append(
            {
                "id": int(edit["id"]),
                "time": clock(moment) if isinstance(moment, (int, float)) else str(moment),
                "sample": str(edit["sample"]),
                "change": change_words(edit["action"], edit["old"], edit["new"], classes),
                "reason": edit.get("reason") or "",
                "evidence": evidence_words(edit.get("evidence")),
                "by": edit.get("author") or "",
                "batch": str(edit.get("batch") or "")[:8],
                "state": standing,
            }
        )
    return pd.DataFrame(lines, columns=COLUMNS)


def filtered(edits: pd.DataFrame, actions: Sequence[str] = (), text: str = "", in_force: bool = False) -> pd.DataFrame:
    """The entries with one of ``actions`` (empty: all), with ``text`` in sample, reason or author, and, if asked, still in force."""
    keep = pd.Series(True, index=edits.index)
    if actions:
        keep &= edits["action"].isin(list(actions))
    if text.strip():
        wanted = text.strip().lower()
        found = pd.Series(False, index=edits.index)
        for column in ("sample", "reason", "author"):
            found |= edits[column].astype(str).str.lower().str.contains(wanted, regex=False)
        keep &= found
    if in_force:
        keep &= ~edits["reverted"].astype(bool) & ~edits["action"].isin(["undo", "redo"])
    return edits[keep]
