"""The damping sweep as a study."""

from dataclasses import dataclass

from attribution.settings.ranges import SEED, Settings, opt
from attribution.studies import studies
from attribution.studies.base import Study


@dataclass(frozen=True)
class DampingConfig(Settings):
    """One sweep over the damping of a curvature estimator."""

    estimator: str = opt("ekfac", "Which estimator with a damping.", plugins="estimators")
    queries: str = opt(
        "wrong", "Samples that are asked about: wrong, test, val, train, selection:TOKEN, or sample ids."
    )
    count: int = opt(60, "At most so many of them, drawn by the seed.", low=1, high=1_000_000)
    ratios: tuple[float, ...] = opt(
        (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0),
        "Damping ratios, in mean eigenvalues; the usual one is always added.",
        above=0.0,
        high=1e12,
    )
    run: str = opt("", "Training run whose model is asked; empty: the project's current one.")
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)
    seed: int = opt(0, "Seed of the draw, and for estimators that use chance.", low=0, high=SEED)


@studies.register("damping")
class Damping(Study[DampingConfig]):
    """How much the damping of a curvature estimator matters here: its influences at several ratios, compared."""

    title = "Sweep the damping of {estimator}"
    config = DampingConfig
    result = "DampingResult"
    folder = "dampings"
    page = "compare"
