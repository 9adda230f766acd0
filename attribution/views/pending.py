"""Which decisions the current model has not seen yet."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.storage.ledger import Ledger

if TYPE_CHECKING:
    from attribution.datasets.dataset import Labels
    from attribution.project import Project


def trained_labels(project: "Project", version: str) -> "Labels":
    """The labels of a data version, found by walking the ledger back from now; the base labels if it is not on the way.

    Cost: one hash of the labels per batch walked, milliseconds each.
    """
    from attribution.datasets.dataset import Labels

    base, now = project.dataset.base_version(), project.labels
    if version in (now.version, base.version):
        return now if version == now.version else base
    values, active = now.values.copy(), now.active.copy()
    entries = Ledger(project.folder / "project.db", None).entries()
    for place in range(len(entries) - 1, -1, -1):
        edit = entries[place]
        row = int(project.dataset.rows_of([edit.sample])[0])
        values[row], active[row] = edit.old.label, edit.old.active
        if place == 0 or entries[place - 1].batch != edit.batch:
            labels = Labels.of(project.dataset, values, active)
            if labels.version == version:
                return labels
    return base


def differences(before: "Labels", after: "Labels", ids: np.ndarray, classes: tuple[str, ...]) -> pd.DataFrame:
    """What differs between two versions: ``row``, ``id``, ``was``, ``now`` (class names, "dropped" when out of training), ``action``."""
    rows = np.flatnonzero((before.values != after.values) | (before.active != after.active))
    was = [classes[before.values[row]] if before.active[row] else "dropped" for row in rows]
    now = [classes[after.values[row]] if after.active[row] else "dropped" for row in rows]
    action = ["drop" if new == "dropped" else "take back" if old == "dropped" else "relabel" for old, new in zip(was, now, strict=True)]
    return pd.DataFrame({"row": rows.astype(np.int64), "id": ids[rows], "was": was, "now": now, "action": action})


def change_sentence(changes: pd.DataFrame) -> str:
    """ "12 samples changed: 9 relabelled, 3 dropped"; what the list of ``differences`` holds, in words."""
    if changes.empty:
        return "Nothing has changed."
    names = {"relabel": "relabelled", "drop": "dropped", "take back": "taken back"}
    counts = changes["action"].value_counts()
    parts = [f"{counts[action]:,} {name}" for action, name in names.items() if action in counts]
    return f"{len(changes):,} sample{'s' if len(changes) != 1 else ''} changed: {', '.join(parts)}."
