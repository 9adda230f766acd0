"""The comparison of training rows with a benchmark as a study."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attribution.settings.ranges import SEED, Settings, opt
from attribution.studies import studies
from attribution.studies.base import Study


@dataclass(frozen=True)
class ContaminationConfig(Settings):
    """One comparison of the training rows with a benchmark."""

    benchmark: str = opt("", "File of the benchmark's items: JSONL, JSON, CSV or Parquet.")
    question: str = opt(
        "", "Its column with what is asked; empty: question, prompt, problem, input, text and the like."
    )
    answer: str = opt("", "Its column with what is right; empty: answer, canonical_solution, completion and the like.")
    twin: float = opt(
        0.3, "Cosine from which on a question is taken for an item's in other words; 1: never.", low=0.2, high=1.0
    )
    influence: int = opt(
        60,
        "Leaked items, the clearest first, of which the model's gradients are asked as well; 0: none.",
        low=0,
        high=2000,
    )
    run: str = opt("", "Training run whose model is asked; empty: the project's current one, if there is one.")
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)
    seed: int = opt(0, "Seed of the rows that influence is held against.", low=0, high=SEED)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.benchmark:  # a job runs in another folder
            object.__setattr__(self, "benchmark", str(Path(self.benchmark).expanduser().absolute()))


@studies.register("contamination")
class Contamination(Study[ContaminationConfig]):
    """Look for a benchmark's items in the training rows of a chat, and ask the model whether it learned them there."""

    title = "Compare with {name}"
    config = ContaminationConfig
    result = "ContaminationResult"
    page = "leaks"

    def asks_model(self, config: ContaminationConfig) -> bool:
        return bool(config.run)

    def words(self, config: ContaminationConfig) -> dict[str, Any]:
        return {"name": Path(config.benchmark).name or "a benchmark"}
