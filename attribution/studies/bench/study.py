"""The bench as a study."""

from dataclasses import dataclass
from typing import Any

from attribution.progress import Progress
from attribution.settings.ranges import SEED, Settings, opt
from attribution.studies import studies
from attribution.studies.base import Context, Study


@dataclass(frozen=True)
class BenchConfig(Settings):
    """One comparison of estimators on this project's own model and data."""

    estimators: tuple[str, ...] = opt(
        (), "Which estimators; empty: the everyday ones. The random control is always added.", plugins="estimators"
    )
    detectors: tuple[str, ...] = opt(
        (), "Which detectors look for the planted wrong labels; empty: the default ones.", plugins="detectors"
    )
    parts: tuple[str, ...] = opt(
        ("fidelity", "usefulness", "agreement", "stability", "cost"),
        "What to measure.",
        choices=("fidelity", "usefulness", "agreement", "stability", "cost"),
        least=1,
    )
    queries: str = opt(
        "test", "Samples that predictions are drawn from: test, wrong, val, selection:TOKEN, or sample ids."
    )
    count: int = opt(
        40,
        "How many predictions are asked about, half of them wrong ones where there are enough.",
        low=1,
        high=1_000_000,
    )
    subsets: int = opt(
        24, "Models retrained on random subsets for the linear datamodeling score; kept and reused.", low=1, high=10_000
    )
    share: float = opt(0.5, "Share of the training samples in a subset.", above=0.0, below=1.0)
    repeats: int = opt(
        1, "Trainings per subset, each from other weights; their outputs are averaged.", low=1, high=1000
    )
    removal_k: tuple[int, ...] = opt(
        (),
        "Retrain without so many of a prediction's most helpful samples, for example 10,50; empty: do not.",
        low=1,
        of="training samples",
        high=1_000_000,
    )
    removal_queries: int = opt(3, "Predictions for which that is done.", low=1, high=10_000)
    planted_share: float = opt(0.1, "Share of labels set wrong in the sandbox copy.", above=0.0, high=0.5)
    budget: float = opt(0.1, "Review budget: the share of the training samples that is looked at.", above=0.0, high=1.0)
    k: int = opt(10, "Most helpful samples compared between two estimators.", low=1, high=100_000)
    seeds: tuple[int, ...] = opt((1,), "Other seeds of training for the stability.", low=0, high=SEED)
    run: str = opt("", "Training run whose model is asked; empty: the project's current one.")
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)
    seed: int = opt(
        0, "Seed of the choice of predictions, of the planted labels and of the bootstrap.", low=0, high=SEED
    )


@studies.register("bench")
class Bench(Study[BenchConfig]):
    """Measure on this model and data which estimators and detectors to trust."""

    title = "Compare estimators"
    config = BenchConfig
    result = "BenchResult"
    alias = "compare"
    folder = "benches"
    page = "compare"

    def in_short(self, result: Any) -> str:
        return str(next(iter(result.recommendation), "measured"))

    def cost(self, context: Context, config: BenchConfig, progress: Progress | None = None) -> Any:
        """What more subsets would cost, and how narrow the LDS interval would get."""
        return self._beside("run").cost(context, config)
