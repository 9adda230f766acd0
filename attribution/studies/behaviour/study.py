"""The rate of a behaviour as a study."""

from dataclasses import dataclass
from typing import Any

from attribution.settings.ranges import Settings, opt
from attribution.studies import studies
from attribution.studies.base import Study


@dataclass(frozen=True)
class BehaviourConfig(Settings):
    """How often a model shows a behaviour, on its held-out prompts."""

    behaviour: str = opt("", "The behaviour, by name; empty: the only one.")
    max_new_tokens: int = opt(48, "Longest generated answer, in tokens.", low=1, high=4096)
    run: str = opt("", "Training run whose model is asked; empty: the project's current one.")
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)


@studies.register("behaviour")
class BehaviourRate(Study[BehaviourConfig]):
    """Ask a model the held-out prompts of a behaviour, and count how often it shows it."""

    title = "Measure the behaviour {behaviour}"
    config = BehaviourConfig
    result = "BehaviourResult"
    folder = "rates"
    page = "influence"

    def in_short(self, result: Any) -> str:
        return str(result.sentence)
