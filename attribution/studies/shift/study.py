"""The comparison of test with training data as a study."""

from dataclasses import dataclass

from attribution.settings.ranges import SEED, Settings, opt
from attribution.studies import studies
from attribution.studies.base import Study


@dataclass(frozen=True)
class ShiftConfig(Settings):
    """Whether the test set looks like the training set: a classifier that tries to tell them apart."""

    space: str = opt(
        "auto",
        "inputs (columns, pixels or words), representation (what the model sees), or auto: inputs.",
        choices=("auto", "inputs", "representation"),
    )
    run: str = opt("", "Training run whose representation is used; empty: the project's current one.")
    folds: int = opt(5, "Folds; every sample is judged by a classifier that did not train on it.", low=2, high=100)
    regions: int = opt(12, "Clusters of samples that are compared one by one.", low=1, high=1000)
    shown: int = opt(24, "Most test-like training samples and most train-like test samples kept.", low=0, high=10_000)
    level: float = opt(0.95, "Level of all intervals.", low=0.5, below=1.0)
    seed: int = opt(0, "Seed of folds and clusters.", low=0, high=SEED)


@studies.register("shift")
class Shift(Study[ShiftConfig]):
    """Train a classifier to tell test from training samples: does the test set look like the training set?"""

    title = "Compare test with training data"
    config = ShiftConfig
    result = "ShiftResult"
    folder = "shifts"

    def asks_model(self, config: ShiftConfig) -> bool:
        return config.space == "representation"
