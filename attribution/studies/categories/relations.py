"""What other findings say of training samples, for their class: leaks, duplicates and memorization, as far as they were
searched for."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attribution.storage.files import read_json
from attribution.storage.sums import sound
from attribution.storage.tables import read_table
from attribution.studies.categories.categories import Relations

if TYPE_CHECKING:
    import pandas as pd

    from attribution.datasets.dataset import Dataset

LEAKS, MEMORIZED = "leaks", "memorizations"


def sources(project: Path, run: str) -> tuple[Path, ...]:
    """The newest finished search for leaks and the newest memorization estimate, each of this run if there is one."""
    found = []
    for kind in (LEAKS, MEMORIZED):
        folders = sorted(
            filter(sound, (project / kind).glob("*/config.json")), key=lambda path: -path.stat().st_mtime_ns
        )
        own = [path for path in folders if read_json(path).get("run") == run]
        found += [path.parent for path in (own or folders)[:1]]
    return tuple(found)


def relations(folders: Iterable[Path], dataset: "Dataset") -> Relations:
    """The sentences and numbers of ``sources``.

    A pair counts when it is exact, or nearer than the threshold of its search (a multiple of the usual distance between
    neighbours).
    """

    leaked: dict[int, str] = {}
    duplicate: dict[int, str] = {}
    memorized: dict[int, float] = {}
    for folder in folders:
        if folder.parent.name == LEAKS:
            pairs = read_table(folder / "pairs.parquet")
            near = pairs[
                pairs["exact"].astype(bool) | (pairs["ratio"] <= float(read_json(folder / "config.json")["threshold"]))
            ]
            leaked |= _repeats(near[near["relation"] == "leak"], dataset, both=False)
            duplicate |= _repeats(near[near["relation"] == "duplicate"], dataset, both=True)
        else:
            samples = read_table(folder / "samples.parquet", columns=["row", "memorization"])
            values = samples["memorization"].to_numpy(dtype=np.float64)
            memorized = {
                int(row): float(value) for row, value in zip(samples["row"], values, strict=True) if np.isfinite(value)
            }
    return Relations(leaked, duplicate, memorized)


def _repeats(pairs: "pd.DataFrame", dataset: "Dataset", both: bool) -> dict[int, str]:
    """A sentence per training row on the nearest sample that it repeats; ``both``: the partner is a training row,
    too."""
    found: dict[int, str] = {}
    ordered = pairs.sort_values(["exact", "ratio"], ascending=[False, True], kind="stable")
    for row, other, exact, ratio in zip(
        ordered["row"], ordered["other"], ordered["exact"], ordered["ratio"], strict=True
    ):
        for one, partner in ((row, other), (other, row)) if both else ((row, other),):
            name = dataset.ids[int(partner)]
            words = (
                f"It has the same content as {name}."
                if exact
                else f"It is {ratio:.2f} of a usual distance between neighbours from {name}."
            )
            found.setdefault(int(one), words)
    return found
