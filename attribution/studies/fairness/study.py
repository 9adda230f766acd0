"""Fairness and robustness as a study."""

from dataclasses import asdict, dataclass
from typing import Any

from attribution.settings.ranges import SEED, Settings, opt
from attribution.studies import studies
from attribution.studies.base import Study

MEASURES = {"eop-gap": "equal opportunity", "dp-gap": "equal rates", "fgsm": "robustness", "pgd": "robustness"}


@dataclass(frozen=True)
class RemedyConfig(Settings):
    """Rank the training samples by the harm they do to a gap or to robustness, remove the worst, and train anew."""

    measure: str = opt(
        "eop-gap",
        "What is to improve: eop-gap or dp-gap (need a group column), fgsm or pgd (under attack), loss or margin.",
        plugins="measures",
    )
    positive: str = opt("", "The class that gaps are about; empty: the last one.")
    epsilon: float = opt(0.1, "Reach of the attack, in standard deviations of the inputs.", above=0.0, high=100.0)
    estimator: str = opt(
        "ip", "How harm is estimated; any estimator that other measures can be asked of.", plugins="estimators"
    )
    budgets: tuple[float, ...] = opt(
        (1.0, 2.0, 5.0, 10.0, 15.0, 20.0),
        "Shares of the training set to try removing, in percent.",
        above=0.0,
        below=100.0,
        least=1,
    )
    seeds: tuple[int, ...] = opt(
        (0, 1, 2),
        "Every budget is trained once with each.",
        low=0,
        high=SEED,
        least=3,
        why="Fewer cannot tell an effect from the chance of a single training.",
    )
    run: str = opt("", "Training run whose model ranks the samples; empty: the project's current one.")
    bootstrap: int = opt(1000, "Bootstrap resamples behind the intervals.", low=20, high=1_000_000)
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)


@studies.register("fairness")
class Fairness(Study[RemedyConfig]):
    """Rank the training samples by the harm they do to a gap or to robustness, and train anew without the worst; edits
    nothing."""

    title = "Find what harms {measure}, and try without"
    config = RemedyConfig
    result = "FairnessResult"
    trains = True
    alias = "remedy"
    folder = "remedies"

    def words(self, config: RemedyConfig) -> dict[str, Any]:
        return {**asdict(config), "measure": MEASURES.get(config.measure, config.measure)}
