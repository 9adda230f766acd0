"""Which decisions the current model has not seen yet."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.project.project import Project
from attribution.views.numbers import plural

if TYPE_CHECKING:
    from attribution.datasets.dataset import Labels
    from attribution.views.faces import Face


def trained_labels(project: "Project", version: str) -> "Labels":
    """The labels of a data version, as the ledger had them then; the base labels if it never did."""
    return project.labels_at(version) or project.dataset.base_version()


def differences(before: "Labels", after: "Labels", ids: np.ndarray, face: "Face") -> pd.DataFrame:
    """What differs between two versions: ``row``, ``id``, ``was``, ``now`` (targets in words, "dropped" when out of
    training), ``action``."""
    rows = np.flatnonzero(~face.targets.same(before.values, after.values) | (before.active != after.active))
    was, now = ([_standing(labels, face, int(row)) for row in rows] for labels in (before, after))
    action = [
        "drop" if new == "dropped" else "take back" if old == "dropped" else "relabel"
        for old, new in zip(was, now, strict=True)
    ]
    return pd.DataFrame({"row": rows.astype(np.int64), "id": ids[rows], "was": was, "now": now, "action": action})


def _standing(labels: "Labels", face: "Face", row: int) -> str:
    value = labels.values[row]
    return face.word(value) if labels.active[row] or face.bare(value) else "dropped"


def plan_sentence(changes: pd.DataFrame, n_train: int, waiting: int | None, changed: str = "relabelled") -> str:
    """What a retraining will be about: the changes in training and outside of it against the data as imported, and how
    many of them the model in use has not seen (None: there is none)."""
    inside = changes[changes["row"] < n_train]
    outside = changes[changes["row"] >= n_train]
    words = change_sentence(inside, changed)
    parts = [f"Against the data as imported, {words[:1].lower()}{words[1:]}"]
    if len(outside):
        parts.append(
            f"Outside of training, {change_sentence(outside, changed)} That changes how the models are judged, not how "
            "they are trained."
        )
    if waiting == 0:
        parts.append("The model in use was trained with all of them.")
    elif waiting is not None:
        parts.append(
            f"{plural(waiting, 'edit')} of these {'is' if waiting == 1 else 'are'} not yet in the model in use."
        )
    return " ".join(parts)


def change_sentence(changes: pd.DataFrame, changed: str = "relabelled") -> str:
    """ "12 samples changed: 9 relabelled, 3 dropped"; what the list of ``differences`` holds, in words."""
    if changes.empty:
        return "Nothing has changed."
    names = {"relabel": changed, "drop": "dropped", "take back": "taken back"}
    counts = changes["action"].value_counts()
    parts = [f"{counts[action]:,} {name}" for action, name in names.items() if action in counts]
    return f"{len(changes):,} sample{'s' if len(changes) != 1 else ''} changed: {', '.join(parts)}."
