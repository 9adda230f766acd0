"""The search for leaks and duplicates as a study."""

from attribution.settings.configs import LeakConfig
from attribution.studies import studies
from attribution.studies.base import Study


@studies.register("leaks")
class Leaks(Study[LeakConfig]):
    """Search for training samples that repeat a test or validation sample, or each other."""

    title = "Look for leaks and duplicates"
    config = LeakConfig
    result = "LeakResult"
