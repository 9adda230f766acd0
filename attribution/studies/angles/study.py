"""Angles as a study."""

from dataclasses import dataclass

from attribution.settings.ranges import SEED, Settings, opt
from attribution.studies import studies
from attribution.studies.base import Study


@dataclass(frozen=True)
class AnglesConfig(Settings):
    """One look at the angles between training gradients and a query's gradient."""

    queries: str = opt(
        "val",
        "wrong, test, val, train, selection:TOKEN, or sample ids separated by commas; always asked as one mean loss.",
    )
    run: str = opt("", "Training run whose checkpoints are asked; empty: the project's current one.")
    damping_ratios: tuple[float, ...] = opt(
        (0.01, 0.1, 1.0, 10.0, 100.0),
        "Dampings, in mean eigenvalues of the curvature, at which its turn is measured; the usual one is added.",
        above=0.0,
        high=1e12,
    )
    curvature_samples: int = opt(
        256, "Training samples that the curvature is averaged over, at most.", low=1, high=1_000_000
    )
    iterations: int = opt(100, "Conjugate gradient steps at most, per checkpoint.", low=1, high=100_000)
    batch_size: int = opt(
        128, "Training samples per batch; never changes a result beyond rounding.", low=1, high=1_000_000
    )
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)
    seed: int = opt(0, "Seed of the choice of curvature samples.", low=0, high=SEED)


@studies.register("angles")
class Angles(Study[AnglesConfig]):
    """Measure how every training gradient stands to the gradient of the mean loss of the queries."""

    title = "Measure angles to {queries}"
    config = AnglesConfig
    result = "AnglesResult"
