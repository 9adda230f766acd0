"""Training as a study: its results are runs."""

import importlib
from typing import Any

from attribution.progress import Progress
from attribution.settings.configs import TrainConfig
from attribution.studies import studies
from attribution.studies.base import Context, Study


@studies.register("train")
class Train(Study[TrainConfig]):
    """Train the project's model on the current labels (or load the user's checkpoints)."""

    title = "Train the model"
    config = TrainConfig
    folder = "runs"
    page = "overview"

    @classmethod
    def reader(cls) -> type[Any]:
        found: type[Any] = importlib.import_module("attribution.training.run").Run
        return found

    def asks_model(self, config: TrainConfig) -> bool:
        return False

    def usual(self, recipe: TrainConfig) -> TrainConfig:
        return recipe

    def make(self, context: Context, config: TrainConfig, progress: Progress | None = None, **extra: Any) -> Any:
        return self._beside("run").made(context, config, progress or Progress(), **extra)

    def find(self, context: Context, config: TrainConfig) -> Any:
        return self._beside("run").found(context, config)
