"""The removal curve of a behaviour as a study."""

from dataclasses import dataclass
from typing import Any

from attribution.settings.ranges import SEED, Settings, opt
from attribution.studies import studies
from attribution.studies.base import Study


@dataclass(frozen=True)
class RemovalConfig(Settings):
    """Drop the k rows that each estimator says taught a behaviour, train anew, and measure the behaviour."""

    behaviour: str = opt("", "The behaviour, by name; empty: the only one.")
    estimators: tuple[str, ...] = opt(
        ("cosine", "bm25"), "Whose rows are dropped; rows drawn by chance are always added.", plugins="estimators"
    )
    k: tuple[int, ...] = opt(
        (10, 20, 40), "How many rows are dropped.", low=1, high=1_000_000, least=1, of="training samples"
    )
    seeds: tuple[int, ...] = opt(
        (0, 1, 2),
        "Every number of rows is trained without once with each.",
        low=0,
        high=SEED,
        least=3,
        why="Fewer cannot tell an effect from the chance of a single training.",
    )
    run: str = opt("", "Training run whose model is asked; empty: the project's current one.")
    bootstrap: int = opt(1000, "Bootstrap resamples of the unseen prompts.", low=20, high=1_000_000)
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)

    @property
    def queries(self) -> str:
        """What influence is asked of."""
        return f"behaviour:{self.behaviour}" if self.behaviour else ""


@studies.register("removal")
class Removal(Study[RemovalConfig]):
    """Drop the rows that estimators name, train anew, and measure a behaviour on unseen prompts; edits nothing."""

    title = "Try without the rows that taught {behaviour}"
    config = RemovalConfig
    result = "RemovalResult"
    trains = True
    folder = "removals"
    page = "compare"
    questions = True

    def in_short(self, result: Any) -> str:
        return str(result.verdict)
