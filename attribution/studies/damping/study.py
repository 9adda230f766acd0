"""The damping sweep as a study."""

from attribution.settings.configs import DampingConfig
from attribution.studies import studies
from attribution.studies.base import Study


@studies.register("damping")
class Damping(Study[DampingConfig]):
    """How much the damping of a curvature estimator matters here: its influences at several ratios, compared."""

    title = "Sweep the damping of {estimator}"
    config = DampingConfig
    result = "DampingResult"
    folder = "dampings"
    page = "compare"
