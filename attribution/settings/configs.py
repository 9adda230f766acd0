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

    path: str = opt("", "Folder of pictures, or a file that a reader knows; `datablame status --plugins` lists them.")
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
        "classes by one logit), or FILE.py:CLASS, a task of your own; auto: classification, and labels that look like "
        "a quantity or like several labels are refused with advice.",
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
    max_gigabytes: float = opt(
        8.0,
        "Memory in GB that a table or an archive may take; what would take more is refused before it is read.",
        low=0.001,
        high=100_000.0,
    )


@dataclass(frozen=True)
class ModelConfig(Settings):
    """Which network: a built-in one, or the user's own function."""

    name: str = opt("auto", "auto, logistic, mlp, cnn, resnet, text, or FILE.py:FUNCTION that returns an nn.Module.")
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


@dataclass(frozen=True)
class TrainConfig(Settings):
    """The training recipe; retraining uses the same one."""

    epochs: int = opt(12, "Passes over the training data.", low=1, high=100_000)
    batch_size: int = opt(64, "Samples per step.", low=1, high=1_000_000)
    optimizer: str = opt("sgd", "sgd or adamw.", choices=("sgd", "adamw"))
    lr: float = opt(0.05, "Peak learning rate.", above=0.0)
    momentum: float = opt(0.9, "Momentum of SGD.", low=0.0, below=1.0)
    weight_decay: float = opt(5e-4, "L2 penalty.", low=0.0)
    schedule: str = opt("cosine", "cosine or constant.", choices=("cosine", "constant"))
    checkpoints: int = opt(
        5, "Checkpoints kept along training, evenly spaced, the last one included.", low=1, high=1000
    )
    seed: int = opt(0, "Seed of initial weights and batch order.", low=0, high=SEED)
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)


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


@dataclass(frozen=True)
class FlagConfig(Settings):
    """One search for wrong labels."""

    detectors: tuple[str, ...] = opt(
        (), "Which detectors; empty: the default ones (the others run when named).", plugins="detectors"
    )
    run: str = opt("", "Training run whose model and dynamics are used; empty: the project's current one.")
    folds: int = opt(
        5, "Folds of the out-of-fold predictions for confident learning.", low=2, of="training samples", high=100
    )
    neighbors: int = opt(10, "Neighbours that vote on a label.", low=1, of="training samples", high=1000)
    cases: int = opt(
        600, "Most suspicious samples for which supporters and opponents are prepared.", low=0, high=1_000_000
    )
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)
    seed: int = opt(0, "Seed of the folds.", low=0, high=SEED)


@dataclass(frozen=True)
class LeakConfig(Settings):
    """One search for leaks and duplicates."""

    run: str = opt("", "Training run whose model and representation are used; empty: the project's current one.")
    threshold: float = opt(
        0.0,
        "Pairs up to this multiple of the usual distance between training neighbours are candidates; 0: 0.3 for "
        "pictures, 0.4 for texts, 0.05 for tables.",
        low=0.0,
        high=1000.0,
    )
    neighbors: int = opt(3, "Closest training samples looked at per sample.", low=1, of="training samples", high=100)
    influence: int = opt(
        60,
        "Leak cases, the likeliest first, for which gradients and Forward-INF are asked as well; 0: none.",
        low=0,
        high=1_000_000,
    )
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)
    seed: int = opt(0, "Seed of the samples that candidates are held against.", low=0, high=SEED)


@dataclass(frozen=True)
class MapConfig(Settings):
    """One two-dimensional map of all samples."""

    space: str = opt(
        "representation",
        "representation (what the model sees) or gradients (how samples pull on the model).",
        choices=("representation", "gradients"),
    )
    method: str = opt("umap", "umap or pca.", choices=("umap", "pca"))
    run: str = opt("", "Training run whose model is used; empty: the project's current one.")
    neighbors: int = opt(15, "Neighbours per point in UMAP.", low=2, of="samples", high=1000)
    min_dist: float = opt(0.1, "Smallest distance between points in UMAP.", low=0.0, high=1.0)
    dims: int = opt(256, "Width of the random projection of gradients.", low=2, high=65_536)
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)
    seed: int = opt(0, "Seed of projection and layout.", low=0, high=SEED)


@dataclass(frozen=True)
class AnglesConfig(Settings):
    """One look at the angles between training gradients and a query's gradient."""

    queries: str = opt(
        "val",
        "wrong, test, val, train, selection:TOKEN, or sample ids separated by commas; always asked as one mean loss.",
    )
    run: str = opt("", "Training run whose checkpoints are asked; empty: the project's current one.")
    damping_ratios: tuple[float, ...] = opt(
        (0.01, 0.1, 1.0, 10.0, 100.0),
        "Dampings, in mean eigenvalues of the curvature, at which its turn is measured; the usual one is added.",
        above=0.0,
        high=1e12,
    )
    curvature_samples: int = opt(
        256, "Training samples that the curvature is averaged over, at most.", low=1, high=1_000_000
    )
    iterations: int = opt(100, "Conjugate gradient steps at most, per checkpoint.", low=1, high=100_000)
    batch_size: int = opt(
        128, "Training samples per batch; never changes a result beyond rounding.", low=1, high=1_000_000
    )
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)
    seed: int = opt(0, "Seed of the choice of curvature samples.", low=0, high=SEED)


@dataclass(frozen=True)
class RetrainConfig(Settings):
    """Retrain with the edits and compare with the same recipe on the data before them."""

    seeds: tuple[int, ...] = opt(
        (0, 1, 2),
        "Seeds; each is trained before and after the edits (at least three).",
        low=0,
        high=SEED,
        least=3,
        why="Fewer cannot tell an effect from the chance of a single training.",
    )
    bootstrap: int = opt(2000, "Bootstrap resamples of the test set.", low=20, high=1_000_000)
    level: float = opt(0.95, "Level of all intervals.", low=0.5, below=1.0)
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)


@dataclass(frozen=True)
class CalibrateConfig(Settings):
    """How well the queue finds errors that are planted in a copy of the labels."""

    run: str = opt("", "Training run whose network and recipe are used; empty: the project's current one.")
    share: float = opt(
        0.03, "Share of the training labels set wrong in the copy; at least twenty labels.", above=0.0, high=0.5
    )
    folds: int = opt(5, "Folds of the out-of-fold predictions in the copy.", low=2, of="training samples", high=100)
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)
    seed: int = opt(0, "Seed of which labels are set wrong, and of the folds.", low=0, high=SEED)


@dataclass(frozen=True)
class ShiftConfig(Settings):
    """Whether the test set looks like the training set: a classifier that tries to tell them apart."""

    space: str = opt(
        "auto",
        "inputs (columns, pixels or words), representation (what the model sees), or auto: inputs.",
        choices=("auto", "inputs", "representation"),
    )
    run: str = opt("", "Training run whose representation is used; empty: the project's current one.")
    folds: int = opt(5, "Folds; every sample is judged by a classifier that did not train on it.", low=2, high=100)
    regions: int = opt(12, "Clusters of samples that are compared one by one.", low=1, high=1000)
    shown: int = opt(24, "Most test-like training samples and most train-like test samples kept.", low=0, high=10_000)
    level: float = opt(0.95, "Level of all intervals.", low=0.5, below=1.0)
    seed: int = opt(0, "Seed of folds and clusters.", low=0, high=SEED)


@dataclass(frozen=True)
class RemedyConfig(Settings):
    """Rank the training samples by the harm they do to a gap or to robustness, remove the worst, and train anew."""

    measure: str = opt(
        "eop-gap",
        "What is to improve: eop-gap or dp-gap (need a group column), fgsm or pgd (under attack), loss or margin.",
        plugins="measures",
    )
    positive: str = opt("", "The class that gaps are about; empty: the last one.")
    epsilon: float = opt(0.1, "Reach of the attack, in standard deviations of the inputs.", above=0.0, high=100.0)
    estimator: str = opt(
        "ip", "How harm is estimated; any estimator that other measures can be asked of.", plugins="estimators"
    )
    budgets: tuple[float, ...] = opt(
        (1.0, 2.0, 5.0, 10.0, 15.0, 20.0),
        "Shares of the training set to try removing, in percent.",
        above=0.0,
        below=100.0,
        least=1,
    )
    seeds: tuple[int, ...] = opt(
        (0, 1, 2),
        "Every budget is trained once with each.",
        low=0,
        high=SEED,
        least=3,
        why="Fewer cannot tell an effect from the chance of a single training.",
    )
    run: str = opt("", "Training run whose model ranks the samples; empty: the project's current one.")
    bootstrap: int = opt(1000, "Bootstrap resamples behind the intervals.", low=20, high=1_000_000)
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)


@dataclass(frozen=True)
class DampingConfig(Settings):
    """One sweep over the damping of a curvature estimator."""

    estimator: str = opt("ekfac", "Which estimator with a damping.", plugins="estimators")
    queries: str = opt(
        "wrong", "Samples that are asked about: wrong, test, val, train, selection:TOKEN, or sample ids."
    )
    count: int = opt(60, "At most so many of them, drawn by the seed.", low=1, high=1_000_000)
    ratios: tuple[float, ...] = opt(
        (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0),
        "Damping ratios, in mean eigenvalues; the usual one is always added.",
        above=0.0,
        high=1e12,
    )
    run: str = opt("", "Training run whose model is asked; empty: the project's current one.")
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)
    seed: int = opt(0, "Seed of the draw, and for estimators that use chance.", low=0, high=SEED)


@dataclass(frozen=True)
class BenchConfig(Settings):
    """One comparison of estimators on this project's own model and data."""

    estimators: tuple[str, ...] = opt(
        (), "Which estimators; empty: the everyday ones. The random control is always added.", plugins="estimators"
    )
    detectors: tuple[str, ...] = opt(
        (), "Which detectors look for the planted wrong labels; empty: the default ones.", plugins="detectors"
    )
    parts: tuple[str, ...] = opt(
        ("fidelity", "usefulness", "agreement", "stability", "cost"),
        "What to measure.",
        choices=("fidelity", "usefulness", "agreement", "stability", "cost"),
        least=1,
    )
    queries: str = opt(
        "test", "Samples that predictions are drawn from: test, wrong, val, selection:TOKEN, or sample ids."
    )
    count: int = opt(
        40,
        "How many predictions are asked about, half of them wrong ones where there are enough.",
        low=1,
        high=1_000_000,
    )
    subsets: int = opt(
        24, "Models retrained on random subsets for the linear datamodeling score; kept and reused.", low=1, high=10_000
    )
    share: float = opt(0.5, "Share of the training samples in a subset.", above=0.0, below=1.0)
    repeats: int = opt(
        1, "Trainings per subset, each from other weights; their outputs are averaged.", low=1, high=1000
    )
    removal_k: tuple[int, ...] = opt(
        (),
        "Retrain without so many of a prediction's most helpful samples, for example 10,50; empty: do not.",
        low=1,
        of="training samples",
        high=1_000_000,
    )
    removal_queries: int = opt(3, "Predictions for which that is done.", low=1, high=10_000)
    planted_share: float = opt(0.1, "Share of labels set wrong in the sandbox copy.", above=0.0, high=0.5)
    budget: float = opt(0.1, "Review budget: the share of the training samples that is looked at.", above=0.0, high=1.0)
    k: int = opt(10, "Most helpful samples compared between two estimators.", low=1, high=100_000)
    seeds: tuple[int, ...] = opt((1,), "Other seeds of training for the stability.", low=0, high=SEED)
    run: str = opt("", "Training run whose model is asked; empty: the project's current one.")
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)
    seed: int = opt(
        0, "Seed of the choice of predictions, of the planted labels and of the bootstrap.", low=0, high=SEED
    )


@dataclass(frozen=True)
class MemorizeConfig(Settings):
    """Which training labels the model knows by heart, from models retrained on random subsets."""

    models: int = opt(
        24,
        "Models retrained on random subsets; kept, and shared with the comparison of estimators.",
        low=8,
        high=10_000,
    )
    share: float = opt(
        0.5, "Share of the training samples in a subset; at one half the intervals are narrowest.", above=0.0, below=1.0
    )
    threshold: float = opt(
        0.25, "Memorization and influence from which a sample and a prediction are listed (0 to 1).", low=0.0, high=1.0
    )
    run: str = opt("", "Training run whose model gives the quick stand-ins; empty: the project's current one.")
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)


@dataclass(frozen=True)
class PreviewConfig(Settings):
    """Preview the edits without retraining: the current model, moved by a few steps on part of its parameters."""

    variant: str = opt(
        "if",
        "if (all parameters), gif, fif (others frozen), pif (projected) or ip (plain gradient).",
        choices=("if", "gif", "fif", "pif", "ip"),
    )
    ratio: float = opt(
        0.05,
        "Share of the parameters that may move, near it by whole rows (not for if); 1: all of them.",
        above=0.0,
        high=1.0,
    )
    selection: str = opt(
        "outputs",
        "How they are chosen on the edited samples: outputs, gradients (largest means) or random.",
        choices=("outputs", "gradients", "random"),
    )
    steps: int = opt(
        6,
        "Most steps; each looks at the model anew and is shortened until the training side gets better.",
        low=1,
        high=1000,
    )
    damping_ratio: float = opt(10.0, "Damping in mean eigenvalues of the curvature.", above=0.0, high=1e12)
    curvature_samples: int = opt(
        128, "Training samples drawn for the curvature; more is slower and steadier.", low=1, high=1_000_000
    )
    run: str = opt("", "Training run whose model is moved; empty: the project's current one.")
    bootstrap: int = opt(2000, "Bootstrap resamples of the test set.", low=20, high=1_000_000)
    level: float = opt(0.95, "Level of all intervals.", low=0.5, below=1.0)
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)
    seed: int = opt(0, "Seed of the samples drawn for the curvature, and of a random selection.", low=0, high=SEED)


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
