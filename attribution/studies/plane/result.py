"""Reads a finished plane; needs NumPy alone."""

from functools import cached_property

import numpy as np

from attribution.storage.artefact import Artefact
from attribution.storage.files import read_array


class PlaneResult(Artefact):
    """One finished plane: ``NAME/planes/ID``. ``config`` holds, beside what was asked, ``inputs`` (how many numbers the
    model is given), ``unit`` of the targets and ``words`` of each that occurs (none of numbers)."""

    what = "plane"
    drawn_by = "plane"

    @property
    def columns(self) -> tuple[str, str]:
        """The columns that run across and upwards."""
        return str(self.config["across"]), str(self.config["upwards"])

    @property
    def others(self) -> int:
        """Inputs of the model beside the two, which were held at their training means."""
        return int(self.config["inputs"]) - 2

    @property
    def limits(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Lowest and highest value of each column on the grid, in the data's own units."""
        (x0, x1), (y0, y1) = self.config["limits"]
        return (float(x0), float(x1)), (float(y0), float(y1))

    @cached_property
    def coordinates(self) -> np.ndarray:
        """The two columns of ALL samples in row order, (n, 2) float32."""
        return read_array(self.folder / "coordinates.npy")

    @cached_property
    def targets(self) -> np.ndarray:
        """The targets of all samples (n,) when the plane was drawn."""
        return read_array(self.folder / "targets.npy")

    @cached_property
    def answers(self) -> np.ndarray:
        """What the model says at each point of the grid, (steps, steps), as targets are kept; the first axis runs
        upwards, the second across."""
        return read_array(self.folder / "answers.npy")

    @cached_property
    def probabilities(self) -> np.ndarray | None:
        """Of classes: their probabilities on the grid, (steps, steps, c) float16; None for other targets."""
        path = self.folder / "probabilities.npy"
        return read_array(path) if path.is_file() else None
