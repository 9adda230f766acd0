"""Memorization as a study."""

from dataclasses import dataclass
from typing import Any

from attribution.progress import Progress
from attribution.settings.ranges import Settings, opt
from attribution.studies import studies
from attribution.studies.base import Context, Study


@dataclass(frozen=True)
class MemorizeConfig(Settings):
    """Which training labels the model knows by heart, from models retrained on random subsets."""

    models: int = opt(
        24,
        "Models retrained on random subsets; kept, and shared with the comparison of estimators.",
        low=8,
        high=10_000,
    )
    share: float = opt(
        0.5, "Share of the training samples in a subset; at one half the intervals are narrowest.", above=0.0, below=1.0
    )
    threshold: float = opt(
        0.25, "Memorization and influence from which a sample and a prediction are listed (0 to 1).", low=0.0, high=1.0
    )
    run: str = opt("", "Training run whose model gives the quick stand-ins; empty: the project's current one.")
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)


@studies.register("memorization")
class Memorization(Study[MemorizeConfig]):
    """Retrain on random subsets and estimate which training labels are known by heart."""

    title = "Find what is known by heart ({models} models)"
    config = MemorizeConfig
    result = "MemorizationResult"
    trains = True
    alias = "memorize"
    folder = "memorizations"

    def cost(self, context: Context, config: MemorizeConfig, progress: Progress | None = None) -> Any:
        """Time against certainty for several numbers of models."""
        return self._beside("run").cost(context, config)
