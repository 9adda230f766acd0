"""The map as a study."""

from dataclasses import dataclass
from typing import Any

from attribution.settings.ranges import SEED, Settings, opt
from attribution.studies import studies
from attribution.studies.base import Study

SPACES = {"representation": "what the model sees", "gradients": "how samples pull on the model"}


@dataclass(frozen=True)
class MapConfig(Settings):
    """One two-dimensional map of all samples."""

    space: str = opt(
        "representation",
        "representation (what the model sees) or gradients (how samples pull on the model).",
        choices=("representation", "gradients"),
    )
    method: str = opt("umap", "umap or pca.", choices=("umap", "pca"))
    run: str = opt("", "Training run whose model is used; empty: the project's current one.")
    neighbors: int = opt(15, "Neighbours per point in UMAP.", low=2, of="samples", high=1000)
    min_dist: float = opt(0.1, "Smallest distance between points in UMAP.", low=0.0, high=1.0)
    dims: int = opt(256, "Width of the random projection of gradients.", low=2, high=65_536)
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)
    seed: int = opt(0, "Seed of projection and layout.", low=0, high=SEED)


@studies.register("map")
class Map(Study[MapConfig]):
    """Lay all samples out in two dimensions."""

    title = "Draw the map ({space}, {method})"
    config = MapConfig
    result = "MapResult"
    folder = "maps"

    def words(self, config: MapConfig) -> dict[str, Any]:
        return {"space": SPACES.get(config.space, config.space), "method": config.method.upper()}
