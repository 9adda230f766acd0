"""Memorization as a study."""

from typing import Any

from attribution.progress import Progress
from attribution.settings.configs import MemorizeConfig
from attribution.studies import studies
from attribution.studies.base import Context, Study


@studies.register("memorization")
class Memorization(Study[MemorizeConfig]):
    """Retrain on random subsets and estimate which training labels are known by heart."""

    title = "Find what is known by heart ({models} models)"
    config = MemorizeConfig
    result = "MemorizationResult"
    trains = True
    alias = "memorize"
    folder = "memorizations"

    def cost(self, context: Context, config: MemorizeConfig, progress: Progress | None = None) -> Any:
        """Time against certainty for several numbers of models."""
        return self._beside("run").cost(context, config)
