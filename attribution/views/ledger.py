"""The ledger as a table that people read: who changed what, when, and on which evidence."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from attribution.views.numbers import clock, three_digits

COLUMNS = ["id", "time", "sample", "change", "reason", "evidence", "by", "batch", "state"]


def change_words(action: str, old: str, new: str) -> str:
    """What an entry did, from a sample's states in words: "Coat → Shirt", "Coat: taken out", "Coat: kept", "undo: Shirt → Coat"."""
    if action == "drop":
        return f"{old}: taken out of training"
    if old == new:
        return f"{new}: kept" if action == "keep" else f"{action}: {new}"
    return f"{old} → {new}" if action in ("relabel", "keep") else f"{action}: {old} → {new}"


def evidence_words(evidence: Mapping[str, Any]) -> str:
    """The evidence of an entry in one line: estimator or detectors, values, ranks, and the query it was seen from."""
    plain = {name: value for name, value in evidence.items() if isinstance(value, (str, int, float)) and value != ""}
    return " · ".join(
        f"{name.replace('_', ' ')} {three_digits(value) if isinstance(value, float) else value}" for name, value in plain.items()
    )


def table(edits: pd.DataFrame) -> pd.DataFrame:
    """The ledger's entries, newest first, in the columns of ``COLUMNS``; ``state`` is "in force", "taken back" or "" for undo and redo."""
    lines = []
    for edit in edits.sort_values("id", ascending=False).to_dict("records"):
        standing = "" if edit["action"] in ("undo", "redo") else "taken back" if edit.get("reverted") else "in force"
        lines.append(
            {
                "id": int(edit["id"]),
                "time": clock(edit["time"].timestamp()),
                "sample": str(edit["sample"]),
                "change": change_words(edit["action"], edit["old"], edit["new"]),
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
