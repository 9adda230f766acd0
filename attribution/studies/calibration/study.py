"""The calibration of the review queue as a study."""

from attribution.settings.configs import CalibrateConfig
from attribution.studies import studies
from attribution.studies.base import Study


@studies.register("calibration")
class Calibration(Study[CalibrateConfig]):
    """Set a few labels wrong in a copy, train there, and see where the queue puts them; ledger and models stay as they
    are."""

    title = "Measure the queue on planted errors"
    config = CalibrateConfig
    result = "CalibrationResult"
    trains = True
    alias = "calibrate"
    page = "review"
