"""What a recording can be told."""

from dataclasses import dataclass

from attribution.settings.ranges import SEED, Settings, opt


@dataclass(frozen=True)
class RecordConfig(Settings):
    """What is known of the loop that is recorded."""

    task: str = opt("classification", "classification, binary, multilabel or regression (of values as they stand).")
    classes: tuple[str, ...] = opt((), "Names of the outputs in their order; they are matched with the project's.")
    every: int = opt(1, "Weights are kept every so many epochs, and those of the last one always.", low=1, high=100_000)
    resume: bool = opt(False, "Go on with a recording that is in the folder already.")
    seed: int = opt(0, "Seed of the training, kept beside.", low=0, high=SEED)
    note: str = opt("", "What is worth knowing of the training, kept beside.")
