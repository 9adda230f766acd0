"""What several models say about the same samples, stacked: the raw material of a proof."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from attribution.storage.files import read_array
from attribution.tasks import task_of

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset
    from attribution.studies.retrain.own import Answered
    from attribution.training.run import Run


def said_by(
    dataset: "Dataset", runs: "Sequence[Run | Answered]", rows: np.ndarray, values: np.ndarray
) -> dict[str, np.ndarray]:
    """What the final models of ``runs`` say about these rows, ``(s, n)`` each, judged by ``values`` (n,)."""
    task = task_of(dataset.info)
    return stacked([task.said_kept(read_array(run.folder / task.kept_file, mapped=True)[rows], values) for run in runs])


def stacked(each: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """One model's answers on the other, ``(s, n)``."""
    return {name: np.stack([one[name] for one in each]) for name in each[0]}
