"""What a setting's command-line flag is called."""

from attribution.settings.configs import DataConfig, ModelConfig, TrainConfig

OTHERWISE = {  # where two configs of one verb would clash
    ("name", ModelConfig): "model",
    ("seed", DataConfig): "split_seed",
    ("checkpoints", TrainConfig): "keep_checkpoints",
}


def flag_name(field: str, config: type) -> str:
    """The name of a field's parameter; the flag is ``--`` and the name with dashes."""
    return OTHERWISE.get((field, config), field)
