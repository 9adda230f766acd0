"""The search for leaks and duplicates as a study."""

from dataclasses import dataclass

from attribution.settings.ranges import SEED, Settings, opt
from attribution.studies import studies
from attribution.studies.base import Study


@dataclass(frozen=True)
class LeakConfig(Settings):
    """One search for leaks and duplicates."""

    run: str = opt("", "Training run whose model and representation are used; empty: the project's current one.")
    threshold: float = opt(
        0.0,
        "Pairs up to this multiple of the usual distance between training neighbours are candidates; 0: 0.3 for "
        "pictures, 0.4 for texts, 0.05 for tables.",
        low=0.0,
        high=1000.0,
    )
    neighbors: int = opt(3, "Closest training samples looked at per sample.", low=1, of="training samples", high=100)
    influence: int = opt(
        60,
        "Leak cases, the likeliest first, for which gradients and Forward-INF are asked as well; 0: none.",
        low=0,
        high=1_000_000,
    )
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)
    seed: int = opt(0, "Seed of the samples that candidates are held against.", low=0, high=SEED)


@studies.register("leaks")
class Leaks(Study[LeakConfig]):
    """Search for training samples that repeat a test or validation sample, or each other."""

    title = "Look for leaks and duplicates"
    config = LeakConfig
    result = "LeakResult"
