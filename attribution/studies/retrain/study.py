"""The proof by retraining as a study."""

from dataclasses import dataclass

from attribution.settings.ranges import SEED, Settings, opt
from attribution.studies import studies
from attribution.studies.base import Study


@dataclass(frozen=True)
class RetrainConfig(Settings):
    """Retrain with the edits and compare with the same recipe on the data before them."""

    seeds: tuple[int, ...] = opt(
        (0, 1, 2),
        "Seeds; each is trained before and after the edits (at least three).",
        low=0,
        high=SEED,
        least=3,
        why="Fewer cannot tell an effect from the chance of a single training.",
    )
    bootstrap: int = opt(2000, "Bootstrap resamples of the test set.", low=20, high=1_000_000)
    level: float = opt(0.95, "Level of all intervals.", low=0.5, below=1.0)
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)


@studies.register("retrain")
class Retrain(Study[RetrainConfig]):
    """Train before and after the edits with every seed, by the recipe of the model in use, and compare on the test
    set."""

    title = "Retrain and compare"
    config = RetrainConfig
    result = "RetrainResult"
    trains = True
    folder = "retrains"

    def asks_model(self, config: RetrainConfig) -> bool:
        return False
