"""What the classifier of a comparison is given: the inputs in their own space, or what the model sees in them."""

from typing import TYPE_CHECKING

import numpy as np

from attribution.datasets.dataset import Dataset
from attribution.modalities import modality_of
from attribution.modalities.space import Space, logistic

if TYPE_CHECKING:
    from attribution.training.run import Run


def space_of(dataset: "Dataset", run: "Run | None", kind: str) -> Space:
    """The features of all rows for ``kind`` (inputs or representation)."""
    if kind == "representation" and run is not None:
        features = np.asarray(run.representation(), dtype=np.float64)
        return Space(features, logistic, "logistic regression on what the model sees", features)
    return modality_of(dataset).space(dataset)
