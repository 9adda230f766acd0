"""The plane of two columns as a study."""

from dataclasses import dataclass
from typing import Any

from attribution.settings.ranges import Settings, opt
from attribution.studies import studies
from attribution.studies.base import Study


@dataclass(frozen=True)
class PlaneConfig(Settings):
    """What the model says all over the plane of two number columns of a table."""

    across: str = opt("", "Number column that runs across; empty: the first one.")
    upwards: str = opt("", "Number column that runs upwards; empty: the next one.")
    run: str = opt("", "Training run whose model is asked; empty: the project's current one.")
    steps: int = opt(120, "Points along each side of the grid.", low=8, high=1000)
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)


@studies.register("plane")
class Plane(Study[PlaneConfig]):
    """Ask the model all over the plane of two number columns of a table: where it decides for what."""

    title = "Draw the plane{columns}"
    config = PlaneConfig
    result = "PlaneResult"
    folder = "planes"
    page = "map"

    def words(self, config: PlaneConfig) -> dict[str, Any]:
        return {"columns": f" of {config.across} and {config.upwards}" if config.across and config.upwards else ""}
