"""The proof by retraining as a study."""

from attribution.settings.configs import RetrainConfig
from attribution.studies import studies
from attribution.studies.base import Study


@studies.register("retrain")
class Retrain(Study[RetrainConfig]):
    """Train before and after the edits with every seed, by the recipe of the model in use, and compare on the test
    set."""

    title = "Retrain and compare"
    config = RetrainConfig
    result = "RetrainResult"
    trains = True
    folder = "retrains"

    def asks_model(self, config: RetrainConfig) -> bool:
        return False
