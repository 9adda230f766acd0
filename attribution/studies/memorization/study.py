"""Memorization as a study."""

from attribution.settings.configs import MemorizeConfig
from attribution.studies import studies
from attribution.studies.base import Study


@studies.register("memorization")
class Memorization(Study[MemorizeConfig]):
    """Retrain on random subsets and estimate which training labels are known by heart."""

    title = "Find what is known by heart ({models} models)"
    config = MemorizeConfig
    result = "MemorizationResult"
    alias = "memorize"
    folder = "memorizations"
