"""Reads a finished measurement of angles; needs NumPy and pandas, no torch."""

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from attribution.storage.artefact import Artefact
from attribution.storage.files import read_array
from attribution.storage.tables import read_table

if TYPE_CHECKING:
    import pandas as pd


class AnglesResult(Artefact):
    """One finished measurement: ``NAME/angles/ID``.

    All angles are in degrees, 0 (pulls the same way) to 180 (the opposite way). ``config`` holds, beside what was
    asked:

    - ``checkpoints``: per checkpoint epoch, query_norm, and ``curvature``: per damping ratio, damping, turn (the angle
      between the query's gradient and its product with the inverse curvature) and residual (of that solution, relative;
      above 0.01 the turn is rough);
    - ``layers``: per layer name, kind, parameters, share (of the query's squared norm);
    - ``against``: n and norm of the mean gradient of the samples that pull against the query, and its angle to the
      query's.
    """

    what = "measurement of angles"
    drawn_by = "angles"

    @property
    def query_rows(self) -> tuple[int, ...]:
        """The rows whose mean loss is the query."""
        return tuple(int(row) for row in self.config["query_rows"])

    @cached_property
    def samples(self) -> "pd.DataFrame":
        """One line per active training row: row, cosine, norm, influence (dot product), curved (influence with
        curvature, nats); float32."""

        return read_table(self.folder / "samples.parquet")

    @cached_property
    def over_checkpoints(self) -> np.ndarray:
        """Cosines and norms per checkpoint, oldest first: (2, checkpoints, n) float32."""
        return read_array(self.folder / "checkpoints.npy", mapped=True)

    @cached_property
    def by_layer(self) -> np.ndarray:
        """Cosines within each layer and shares of the sample's squared norm, at the last checkpoint: (2, layers, n)
        float32."""
        return read_array(self.folder / "layers.npy", mapped=True)
