"""The preview as a study."""

from attribution.settings.configs import PreviewConfig
from attribution.studies import studies
from attribution.studies.base import Study


@studies.register("preview")
class Preview(Study[PreviewConfig]):
    """What the edits since the model was trained would do to it, without training: an approximation for one model."""

    title = "Preview without retraining"
    config = PreviewConfig
    result = "PreviewResult"
    folder = "previews"
    page = "retrain"
