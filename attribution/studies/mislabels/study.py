"""The search for wrong labels as a study."""

from typing import Any

from attribution.settings.configs import FlagConfig
from attribution.studies import studies
from attribution.studies.base import Context, Study


@studies.register("mislabels")
class Mislabels(Study[FlagConfig]):
    """Search the training labels for wrong ones with the detectors named, or the default ones."""

    title = "Look for wrong labels"
    config = FlagConfig
    result = "FlagResult"
    alias = "flag"
    folder = "flags"
    page = "review"

    def kept(self, context: Context, result: Any) -> None:
        self._beside("run").kept(context, result)
