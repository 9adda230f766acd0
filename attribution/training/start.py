"""The network that a training begins with: new weights, or those that were loaded."""

from torch import nn

from attribution.datasets.dataset import DatasetInfo
from attribution.errors import UserError
from attribution.models.build import build_model
from attribution.models.checkpoints import BUILDER, checkpoint_hash, load_checkpoint
from attribution.settings.configs import ModelConfig, TrainConfig
from attribution.training.frozen import freeze


def begun(model: ModelConfig, info: "DatasetInfo", config: TrainConfig, *, trusted: bool = False) -> nn.Module:
    """The network before its first step, on the CPU, in train mode: with the seed's weights, or with the last of
    ``model.checkpoints``; and with what the recipe freezes. ``UserError`` where nothing was loaded to start from."""
    if config.start == "seed":
        return freeze(build_model(model, info, config.seed, trusted=trusted), config.freeze)
    path = started_from(model)
    network = build_model(model, info, 0 if path == BUILDER else config.seed, trusted=trusted)
    if path != BUILDER:
        load_checkpoint(network, path)
    return freeze(network, config.freeze)


def started_from(model: ModelConfig) -> str:
    """The weights that a recipe with ``start="loaded"`` begins with."""
    if not model.checkpoints:
        raise UserError(
            "start is loaded, and no weights were loaded into this project.",
            "A training that starts from them needs some.",
            "Give them when the project is made (checkpoints), by project.train(checkpoints=[...]), or use start=seed.",
        )
    return model.checkpoints[-1]


def start_hash(model: ModelConfig) -> str:
    """The content of these weights; of a builder's, which its code decides, the word."""
    path = started_from(model)
    return BUILDER if path == BUILDER else checkpoint_hash(path)
