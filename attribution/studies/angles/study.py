"""Angles as a study."""

from attribution.settings.configs import AnglesConfig
from attribution.studies import studies
from attribution.studies.base import Study


@studies.register("angles")
class Angles(Study[AnglesConfig]):
    """Measure how every training gradient stands to the gradient of the mean loss of the queries."""

    title = "Measure angles to {queries}"
    config = AnglesConfig
    result = "AnglesResult"
