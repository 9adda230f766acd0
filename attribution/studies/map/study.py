"""The map as a study."""

from typing import Any

from attribution.settings.configs import MapConfig
from attribution.studies import studies
from attribution.studies.base import Study

SPACES = {"representation": "what the model sees", "gradients": "how samples pull on the model"}


@studies.register("map")
class Map(Study[MapConfig]):
    """Lay all samples out in two dimensions."""

    title = "Draw the map ({space}, {method})"
    config = MapConfig
    result = "MapResult"
    folder = "maps"

    def words(self, config: MapConfig) -> dict[str, Any]:
        return {"space": SPACES.get(config.space, config.space), "method": config.method.upper()}
