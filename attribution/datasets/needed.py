"""Samples of a split that something cannot do without: the error says whether there are none or all were dropped, and
the way out."""

from typing import TYPE_CHECKING

from attribution.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from attribution.datasets.dataset import Dataset, Labels

WORDS = {"train": "training", "val": "validation", "test": "test"}


def all_rows(dataset: "Dataset", split: str, why: str, otherwise: str = "") -> "np.ndarray":
    """The rows of a split, int64; ``UserError`` where the project has no such split. ``otherwise`` is another way out,
    if there is one."""
    rows = dataset.rows(split)
    if not len(rows):
        setting = f"--{split}-fraction {'0.2' if split == 'test' else '0.1'}"
        do = f"Import the data into a new project with {setting}, or with a {WORDS[split]} split of its own"
        raise UserError(
            f"{dataset.info.name} has no {WORDS[split]} split.", why, f"{do}{f', {otherwise}' if otherwise else ''}."
        )
    return rows


def active_rows(
    dataset: "Dataset", labels: "Labels", split: str, why: str, least: int = 1, otherwise: str = ""
) -> "np.ndarray":
    """The rows of a split that are not dropped, int64; ``UserError`` where there are fewer than ``least``."""
    rows = all_rows(dataset, split, why, otherwise)
    active = rows[labels.active[rows]]
    if len(active) >= least:
        return active
    dropped = len(rows) - len(active)
    what = f"{dataset.info.name} has {len(active):,} {WORDS[split]} sample{'s' * (len(active) != 1)}"
    what += f", {dropped:,} more are dropped" if dropped else ""
    what += f"; at least {least} are needed" if least > 1 else ""
    more = (
        f"Add samples, or import the data with a larger {WORDS[split]} split"
        if len(dataset) > 2 * least
        else "Add samples"
    )
    do = f"Keep some of the {dropped:,} that were dropped" if dropped else more
    raise UserError(f"{what}.", why, f"{do}{f', {otherwise}' if otherwise else ''}.")
