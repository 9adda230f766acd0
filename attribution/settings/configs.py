"""All settings, as frozen dataclasses: the same ones make the CLI flags, the forms and every run's ``config.json``.

Each field carries its one line of documentation and its range (``ranges.opt``); ``fields_of`` lists them for forms,
flags and docs. A config checks itself when it is made.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from attribution.errors import UserError
from attribution.registry import named
from attribution.settings.options import WithOptions
from attribution.settings.ranges import SEED, Options, Settings, opt, words

T = TypeVar("T")


@dataclass(frozen=True)
class DataConfig(Settings):
    """Where the samples come from and how they are split."""

    path: str = opt(
        "",
        "Folder, file, pattern of files (data/train-*.parquet) or query (sqlite:FILE?table=NAME); `datablame status "
        "--plugins` lists what is read.",
    )
    label: str = opt("label", "Column that holds the label (tables and metadata.csv).")
    text: str = opt("", "Column that holds the text; empty: the columns are features of a table.")
    features: tuple[str, ...] = opt(
        (), "Feature columns of a table; empty: all columns but label, id, split and group."
    )
    id: str = opt("", "Column with a stable id for every sample; empty: row number or relative file path.")
    split: str = opt(
        "", "Column that holds train, val or test; empty: sub-folders of these names, else seeded fractions."
    )
    group: str = opt("", "Column with a group (for example a demographic one), kept for per-group figures.")
    split_by: str = opt(
        "",
        "Column whose equal values stay together, such as a patient: drawn splits keep them whole, and intervals draw "
        "them whole.",
    )
    time: str = opt("", "Column with a time: the latest samples are the test part, those before them the validation.")
    weight: str = opt("", "Column with a weight of each sample, from 0: it multiplies the sample's loss in training.")
    annotators: tuple[str, ...] = opt(
        (),
        "Columns with the labels of several annotators, whose consensus is the label; or the one column that names the "
        "annotator, where each line is one label of a sample (with id).",
    )
    val_fraction: float = opt(
        0.1, "Share of samples held out for validation when no split is given.", low=0.0, below=1.0
    )
    test_fraction: float = opt(0.2, "Share of samples held out for testing when no split is given.", low=0.0, below=1.0)
    seed: int = opt(0, "Seed of the random split.", low=0, high=SEED)
    image_size: int = opt(
        0, "Side in pixels that images are resized to; 0: the most common size, at most 64.", low=0, high=4096
    )
    max_megapixels: int = opt(
        90, "Largest picture that is decoded, in millions of pixels; larger ones are left out.", low=1, high=170
    )
    max_tokens: int = opt(64, "Longest text in tokens; what is beyond is cut.", low=1, high=100_000)
    vocabulary: int = opt(8000, "Largest number of distinct words kept.", low=1, high=10_000_000)
    task: str = opt(
        "auto",
        "What is predicted: classification, regression (a number), multilabel (cells like cat;dog), binary (two "
        "classes by one logit), causal-lm (the words of chats and texts), or FILE.py:CLASS, a task of your own; auto: "
        "classification (of chats causal-lm), and labels that look like a quantity or like several labels are refused "
        "with advice.",
    )
    task_options: tuple[str, ...] = opt(
        (),
        "Settings of the task, NAME=VALUE each, such as loss=huber or label_smoothing=0.1; docs/tasks.md lists them.",
    )
    unit: str = opt("", "Unit of a numeric target, such as mm or EUR; it stands beside the values that are shown.")
    number_classes: bool = opt(
        False,
        "Labels that look like a quantity (numbers with fractions, very many whole numbers) are classes all the same.",
    )
    unlabelled: str = opt(
        "leave-out",
        "Samples without a label: leave-out (they are listed), or keep: trained on by nothing until Review gives "
        "them a label.",
        choices=("leave-out", "keep"),
    )
    arrays: str = opt(
        "auto",
        "Arrays of three or more dimensions: pictures (0..255 or 0..1), numbers (of any shape and range, taken as they "
        "are), or auto: pictures where they can be, numbers where they cannot.",
        choices=("auto", "pictures", "numbers"),
    )
    missing: str = opt(
        "median",
        "What stands in for a missing number of a table: median or mean of the training rows, zero, or refuse: missing "
        "values are an error. An input of its own says where; a missing word is a category of its own.",
        choices=("median", "mean", "zero", "refuse"),
    )
    reference: str = opt(
        "auto",
        "Pictures in files of their own, Parquet or tar: copy (one array in the project), reference (read from their "
        "files when asked for, nothing is copied), or auto: referenced where copies would take 2 GB or more.",
        choices=("auto", "copy", "reference"),
    )
    max_gigabytes: float = opt(
        8.0,
        "Memory in GB that a table or an archive may take; what would take more is refused before it is read.",
        low=0.001,
        high=100_000.0,
    )


@dataclass(frozen=True)
class ModelConfig(Settings):
    """Which network: a built-in one, or the user's own function."""

    name: str = opt(
        "auto",
        "auto, logistic, mlp, cnn, resnet, text, FILE.py:FUNCTION that returns an nn.Module, or SOURCE:NAME such as "
        "torchvision:resnet18, timm:vit_tiny_patch16_224, hf:FOLDER; `datablame status --plugins` lists the sources.",
    )
    arguments: tuple[str, ...] = opt(
        (),
        "What the network is made with beyond its classes, NAME=VALUE each (numbers, true, false, none, words), such "
        "as drop_rate=0.1.",
    )
    width: int = opt(0, "Width of the built-in networks; 0: the network's own default.", low=0, high=65_536)
    checkpoints: tuple[str, ...] = opt(
        (),
        "Trained weights to load (safetensors or state_dict; FILE#KEY for one of several in a file), oldest first; "
        "builder: those that the function returns; empty: train here.",
    )
    checkpoint_lr: tuple[float, ...] = opt(
        (),
        "Learning rate near each of the loaded checkpoints, for tracin: one each, or one for all; empty: not "
        "known, order only.",
        above=0.0,
    )
    inputs: str = opt(
        "auto",
        "What the model is handed: raw (numbers as stored, pictures in 0..1), standardised (by the training set's mean "
        "and deviation) or tokens (whole numbers, for an embedding); auto: raw for your own code, standardised for a "
        "built-in network.",
        choices=("auto", "raw", "standardised", "tokens"),
    )
    mean: tuple[float, ...] = opt(
        (),
        "Subtracted from raw inputs: one number per channel or column, or one for all; empty: nothing.",
        low=-1e12,
        high=1e12,
    )
    std: tuple[float, ...] = opt(
        (),
        "Raw inputs are divided by it after mean: one number per channel or column, or one for all; empty: by 1.",
        above=0.0,
    )
    transform: str = opt(
        "",
        "How a sample as it is in your files becomes the model's input: imagenet, steps such as "
        "resize=256,crop=224,mean=0.485/0.456/0.406,std=0.229/0.224/0.225, torchvision:WEIGHTS, timm:NAME, hf:FOLDER "
        "(image processor or tokenizer), or FILE.py:FUNCTION; empty: see inputs.",
    )
    train_transform: str = opt(
        "",
        "The same for training alone, drawn anew at every epoch (augmentation), such as random_resized=224,flip=0.5 "
        "with the mean and std of transform; empty: as transform.",
    )
    shape: tuple[int, ...] = opt(
        (), "Shape of what the transform gives; found when the project is made.", low=1, high=100_000_000
    )


@dataclass(frozen=True)
class TrainConfig(Settings):
    """The training recipe; retraining uses the same one."""

    epochs: int = opt(12, "Passes over the training data.", low=1, high=100_000)
    batch_size: int = opt(64, "Samples per step.", low=1, high=1_000_000)
    optimizer: str = opt(
        "sgd",
        "sgd (with momentum), nesterov, adamw, adam or rmsprop.",
        choices=("sgd", "nesterov", "adamw", "adam", "rmsprop"),
    )
    lr: float = opt(0.05, "Peak learning rate.", above=0.0)
    momentum: float = opt(0.9, "Momentum of SGD.", low=0.0, below=1.0)
    weight_decay: float = opt(5e-4, "L2 penalty.", low=0.0)
    schedule: str = opt(
        "cosine",
        "cosine or linear (down to 0), constant, step (a tenth after half of the steps, and again after three "
        "quarters), or onecycle (up from a 25th over three tenths, then down).",
        choices=("cosine", "constant", "linear", "step", "onecycle"),
    )
    checkpoints: int = opt(
        5, "Checkpoints kept along training, evenly spaced, the last one included.", low=1, high=1000
    )
    seed: int = opt(0, "Seed of initial weights and batch order.", low=0, high=SEED)
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)
    betas: tuple[float, ...] = opt((0.9, 0.999), "Both betas of adamw and adam.", low=0.0, below=1.0, later=True)
    warmup: float = opt(
        0.0,
        "Steps over which the learning rate rises to its peak: below 1 a share of all, from 1 on epochs.",
        low=0.0,
        high=100_000,
        later=True,
    )
    clip: float = opt(0.0, "Largest norm of a step's gradient; 0: as it comes.", low=0.0, high=1e9, later=True)
    ema: float = opt(
        0.0,
        "Keep a moving average of the weights with this decay (at the start less) instead of the last ones; 0: none.",
        low=0.0,
        below=1.0,
        later=True,
    )
    precision: str = opt(
        "float32",
        "float32, or bfloat16: forward passes of the training in mixed precision.",
        choices=("float32", "bfloat16"),
        later=True,
    )
    freeze: tuple[str, ...] = opt(
        (),
        "Weights that are not trained: patterns of their names such as layer1.*, or all-but-last; influence is of "
        "the others alone.",
        later=True,
    )
    start: str = opt(
        "seed",
        "Weights to begin with: seed (new ones), or loaded (those that were loaded into the project: fine-tuning).",
        choices=("seed", "loaded"),
        later=True,
    )
    patience: int = opt(
        0,
        "Stop after so many epochs without a lower validation loss, and keep the weights of the lowest; 0: all "
        "epochs, the last weights.",
        low=0,
        high=100_000,
        later=True,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.betas) != 2:
            raise UserError(
                f"betas has {len(self.betas)} numbers.",
                "Adam keeps two means: of the gradient, and of its square.",
                "Give two, such as 0.9,0.999.",
            )
        if self.warmup and self.schedule == "onecycle":
            raise UserError(
                f"warmup is {self.warmup:g} with the schedule onecycle.",
                "It has a warm-up of its own.",
                "Leave out warmup, or take another schedule.",
            )
        if self.warmup >= max(1, self.epochs):
            raise UserError(
                f"warmup is {self.warmup:g} epochs of {self.epochs}.",
                "The learning rate would never reach its peak.",
                "Give fewer, or a share of all steps below 1.",
            )
        if self.optimizer == "nesterov" and not self.momentum:
            raise UserError(
                "nesterov was asked for with momentum 0.", "Then it is plain SGD.", "Use sgd, or set the momentum."
            )

    @property
    def plain(self) -> bool:
        """Whether an update moves the weights along the mean gradient, by learning rate over 1 - momentum in the long
        run, and the weights kept are the last ones: then influence over checkpoints has a unit."""
        return self.optimizer in ("sgd", "nesterov") and not self.ema

    @property
    def l2(self) -> float:
        """The L2 penalty that is part of what training minimises; AdamW's decay is no term of the loss."""
        return 0.0 if self.optimizer == "adamw" else self.weight_decay


@dataclass(frozen=True, init=False)
class ScoreConfig(WithOptions):
    """One influence score run; what the estimator and the measure can be asked for beyond it are their own settings."""

    estimator: str = opt("ip", "Which estimator; `datablame status --plugins` lists them.", plugins="estimators")
    queries: str = opt(
        "wrong",
        "wrong, test, val, train, selection:TOKEN, or sample ids separated by commas (in double quotes where an "
        "id holds one).",
    )
    group: bool = opt(False, "Score the queries as one group (their mean loss) instead of one by one.")
    run: str = opt("", "Training run whose model is asked; empty: the project's current one.")
    k: int = opt(24, "Most helpful and most harmful samples kept per query.", low=1, high=100_000)
    batch_size: int = opt(
        128, "Training samples per batch; never changes a result beyond rounding.", low=1, high=1_000_000
    )
    memory_mb: int = opt(
        512,
        "Memory in MB for the queries prepared at once, and again for what is computed on the way; never changes "
        "a result beyond rounding.",
        low=1,
        high=100_000_000,
    )
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)
    seed: int = opt(0, "Seed for estimators that use chance.", low=0, high=SEED)
    measure: str = opt(
        "loss",
        "What influence is asked of; `datablame status --plugins` lists them.",
        plugins="measures",
    )
    autocast: bool = opt(
        False,
        "Gradients of samples by passes in bfloat16: faster on GPUs made for it, slower elsewhere; scores good to "
        "about two digits.",
    )
    layers: tuple[str, ...] = opt(
        (),
        "Influence over these weights alone: patterns of their names such as layer4.*, or last, adapters, linear; "
        "empty: all that are trained.",
        later=True,
    )
    runner: str = opt(
        "serial",
        "Where shards are computed: serial, processes (this machine) or ray (a cluster); never changes a result.",
        plugins="runners",
    )
    workers: int = opt(
        0, "Shards under way at once with processes or ray; 0: as many as there are cores.", low=0, high=4096
    )
    options: Options = opt(  # noqa: RUF009
        Options(),
        "Settings of the estimator and of the measure themselves, by name, where they are not the usual ones.",
    )
    FORMER: ClassVar[Mapping[str, Any]] = {
        "positive": "",
        "epsilon": 0.1,
        "objective": "cross-entropy",
        "steps": 5,
        "step": 0.2,
        "both_signs": False,
        "solver": "cg",
        "damping_ratio": 0.0,
        "store": False,
        "ratio": 0.05,
        "selection": "outputs",
    }


LEAST_STEPS = (
    150  # measured on 100 to 600 texts and table rows: 40 steps leave a loss near chance, 300 know the labels by heart
)


# The squared loss is steeper than cross-entropy: at 0.05 a linear model of 160 like columns diverged, at 0.02 it did
# not, and networks on five tables lost nothing that counts.
NUMBER_LR = 0.02


def default_recipe(modality: str, samples: int | None = None, kind: str = "class") -> TrainConfig:
    """The recipe that a new project starts from; for few training ``samples`` with as many more epochs as make
    ``LEAST_STEPS`` steps."""
    recipe = TrainConfig(**named("modalities").get(modality).recipe)
    if kind == "number" and recipe.optimizer == "sgd":
        recipe = dataclasses.replace(recipe, lr=NUMBER_LR)
    if samples is None:
        return recipe
    per_epoch = -(-max(1, samples) // recipe.batch_size)
    return dataclasses.replace(recipe, epochs=max(recipe.epochs, -(-LEAST_STEPS // per_epoch)))


def small_words(modality: str, samples: int) -> str:
    """Why the default recipe has more epochs than usual for so few training samples; "" where it has not."""
    usual = default_recipe(modality).epochs
    here = default_recipe(modality, samples).epochs
    return (
        f"{here} epochs instead of {usual}, as {samples:,} samples would give too few steps otherwise (at least "
        f"{LEAST_STEPS})"
        if here > usual
        else ""
    )


def fields_of(config: type) -> list[tuple[str, Any, str, str]]:
    """``(name, default, help, range in words)`` of every setting, in order."""
    return [(item.name, item.default, item.metadata["help"], words(item)) for item in dataclasses.fields(config)]


def to_dict(config: Any) -> dict[str, Any]:
    """Plain JSON values of a config."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def from_dict(kind: type[T], values: dict[str, Any]) -> T:
    """A config from plain values; lists become tuples; an unknown name is a ``UserError``."""
    if issubclass(kind, WithOptions):
        return kind(**kind.upgraded(values))  # type: ignore[return-value]
    known = {item.name for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise UserError(
                f"{kind.__name__} has no setting {name!r}.",
                "It would be ignored.",
                f"Use one of: {', '.join(sorted(known))}.",
            )
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def stored_model(values: dict[str, Any]) -> ModelConfig:
    """A model's config as a project or a run keeps it; own code kept before there was a choice of inputs was handed
    standardised ones."""
    before = {"inputs": "standardised"} if ".py:" in str(values.get("name", "")) else {}
    return from_dict(ModelConfig, {**before, **values})


def request_of(config: Any) -> dict[str, Any]:
    """A config as it enters fingerprints: settings that came ``later`` are left out at their defaults, so that old keys
    hold."""
    late = {item.name: item.default for item in dataclasses.fields(config) if item.metadata.get("later")}
    usual = [name for name, value in late.items() if getattr(config, name) == value]
    return {name: value for name, value in to_dict(config).items() if name not in usual}


def but_seed(recipe: TrainConfig) -> dict[str, Any]:
    """A recipe as it enters fingerprints, without what may differ between trainings that are compared: seed, device and
    how many checkpoints are kept."""
    return {name: value for name, value in request_of(recipe).items() if name not in ("seed", "device", "checkpoints")}


def model_request(model: ModelConfig) -> dict[str, Any]:
    """A model's config as it enters fingerprints: settings that came later are left out at their defaults, so that old
    keys hold."""
    defaults = to_dict(ModelConfig())
    first = ("name", "width", "checkpoints")
    return {name: value for name, value in to_dict(model).items() if name in first or value != defaults[name]}


def fingerprint(*parts: Any) -> str:
    """A short hash of JSON-able parts: the content key of every artefact."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
