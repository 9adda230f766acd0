"""Reads a finished map; needs NumPy alone."""

from functools import cached_property

import numpy as np

from attribution.storage.artefact import Artefact
from attribution.storage.files import read_array


class MapResult(Artefact):
    """One finished map: ``NAME/maps/MAP``. Labels matter only to maps of gradients."""

    what = "map"

    @property
    def space(self) -> str:
        return str(self.config["space"])

    @property
    def method(self) -> str:
        return str(self.config["method"])

    @cached_property
    def coordinates(self) -> np.ndarray:
        """Positions (n, 2) float32 of ALL rows of the project, in row order."""
        return read_array(self.folder / "coordinates.npy")
