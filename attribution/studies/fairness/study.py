"""Fairness and robustness as a study."""

from dataclasses import asdict
from typing import Any

from attribution.settings.configs import RemedyConfig
from attribution.studies import studies
from attribution.studies.base import Study

MEASURES = {"eop-gap": "equal opportunity", "dp-gap": "equal rates", "fgsm": "robustness", "pgd": "robustness"}


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
