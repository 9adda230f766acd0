"""More like this: the samples nearest to one, by what the model sees in them or by their content."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attribution.errors import UserError
from attribution.modalities.similarity import Similarity, similarity_of
from attribution.neighbors.one import cosines

if TYPE_CHECKING:
    import pandas as pd

    from attribution.datasets.dataset import Dataset
    from attribution.training.run import Run

BY = ("model", "content")
SEEN = "what the model sees"


def alike(dataset: "Dataset", run: "Run | None", row: int, k: int | None, by: str, split: str | None) -> "pd.DataFrame":
    """As ``Project.alike``."""
    import pandas as pd

    if by not in BY:
        raise UserError(f"There is no likeness by {by!r}.", "", f"Choose {' or '.join(BY)}.")
    if not 0 <= row < len(dataset):
        raise UserError(
            f"There is no row {row}.", f"{dataset.info.name} has rows 0 to {len(dataset) - 1}.", "Choose one of them."
        )
    values, words = _likeness(dataset, run if by == "model" else None, row)
    pool = np.arange(len(dataset)) if split is None else dataset.rows(split)
    pool = pool[pool != row]
    wanted = len(pool) if k is None else min(k, len(pool))
    if wanted < len(pool):
        pool = pool[np.argpartition(-values[pool], wanted)[:wanted]] if wanted else pool[:0]
    pool = pool[np.lexsort((pool, -values[pool]))]
    found = pd.DataFrame({"row": pool.astype(np.int64), "similarity": values[pool]})
    found.attrs["by"] = words
    return found


def _likeness(dataset: "Dataset", run: "Run | None", row: int) -> tuple[np.ndarray, str]:
    """How alike every sample is to this row (n,) float32, and by what."""
    if run is not None and (run.folder / "representation.npy").is_file():
        seen = run.representation()
        return cosines(seen, seen[row : row + 1])[:, 0], SEEN
    known = _similarity(dataset.folder, dataset.info.base_hash, Known(dataset))
    return known.toward(row), known.title


class Known:
    """A dataset as an argument that says nothing of its own: folder and hash name it."""

    def __init__(self, dataset: "Dataset") -> None:
        self.dataset = dataset

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Known)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=2)
def _similarity(folder: Path, base_hash: str, known: Known) -> Similarity:
    """What is worked out once for all questions about one dataset."""
    return similarity_of(known.dataset)
