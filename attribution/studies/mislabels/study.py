"""The search for wrong labels as a study."""

from dataclasses import dataclass
from typing import Any

from attribution.settings.ranges import SEED, Settings, opt
from attribution.studies import studies
from attribution.studies.base import Context, Study


@dataclass(frozen=True)
class FlagConfig(Settings):
    """One search for wrong labels."""

    detectors: tuple[str, ...] = opt(
        (), "Which detectors; empty: the default ones (the others run when named).", plugins="detectors"
    )
    run: str = opt("", "Training run whose model and dynamics are used; empty: the project's current one.")
    folds: int = opt(
        5, "Folds of the out-of-fold predictions for confident learning.", low=2, of="training samples", high=100
    )
    neighbors: int = opt(10, "Neighbours that vote on a label.", low=1, of="training samples", high=1000)
    cases: int = opt(
        600, "Most suspicious samples for which supporters and opponents are prepared.", low=0, high=1_000_000
    )
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)
    seed: int = opt(0, "Seed of the folds.", low=0, high=SEED)


@studies.register("mislabels")
class Mislabels(Study[FlagConfig]):
    """Search the training labels for wrong ones with the detectors named, or the default ones."""

    title = "Look for wrong labels"
    config = FlagConfig
    result = "FlagResult"
    alias = "flag"
    folder = "flags"
    page = "review"

    def kept(self, context: Context, result: Any) -> None:
        self._beside("run").kept(context, result)
