"""The comparison of test with training data as a study."""

from attribution.settings.configs import ShiftConfig
from attribution.studies import studies
from attribution.studies.base import Study


@studies.register("shift")
class Shift(Study[ShiftConfig]):
    """Train a classifier to tell test from training samples: does the test set look like the training set?"""

    title = "Compare test with training data"
    config = ShiftConfig
    result = "ShiftResult"
    folder = "shifts"

    def asks_model(self, config: ShiftConfig) -> bool:
        return config.space == "representation"
