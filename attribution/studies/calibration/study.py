"""The calibration of the review queue as a study."""

from dataclasses import dataclass

from attribution.settings.ranges import SEED, Settings, opt
from attribution.studies import studies
from attribution.studies.base import Study


@dataclass(frozen=True)
class CalibrateConfig(Settings):
    """How well the queue finds errors that are planted in a copy of the labels."""

    run: str = opt("", "Training run whose network and recipe are used; empty: the project's current one.")
    share: float = opt(
        0.03, "Share of the training labels set wrong in the copy; at least twenty labels.", above=0.0, high=0.5
    )
    folds: int = opt(5, "Folds of the out-of-fold predictions in the copy.", low=2, of="training samples", high=100)
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)
    seed: int = opt(0, "Seed of which labels are set wrong, and of the folds.", low=0, high=SEED)


@studies.register("calibration")
class Calibration(Study[CalibrateConfig]):
    """Set a few labels wrong in a copy, train there, and see where the queue puts them; ledger and models stay as they
    are."""

    title = "Measure the queue on planted errors"
    config = CalibrateConfig
    result = "CalibrationResult"
    trains = True
    alias = "calibrate"
    page = "review"
