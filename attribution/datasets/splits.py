"""Which samples train, validate and test: as given by the source, the rest drawn per class with a seed."""

import re
from collections.abc import Iterable

import numpy as np

from attribution.datasets.dataset import SPLITS
from attribution.errors import UserError
from attribution.settings.configs import DataConfig

EACH = {  # what a random split divides
    "class": "each class",
    "number": "each tenth of the values",
    "set": "each label",
    "text": "the rows",
}
_WORDS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validate", "validation", "dev", "development"),
    "test": ("test", "tests", "testing", "eval", "evaluation", "holdout", "heldout"),
}
_ENDINGS = ("", "set", "split", "data", "images", "imgs")
SPLIT_NAMES = {word + ending: split for split, words in _WORDS.items() for word in words for ending in _ENDINGS}


def split_name(value: str) -> str | None:
    """``train``, ``val`` or ``test`` for the usual spellings of them (Training_Set, val-set, hold out), else None."""
    return SPLIT_NAMES.get(re.sub(r"[\s._-]+", "", str(value)).lower())


def split_meanings(words: Iterable[str]) -> dict[str, str | None]:
    """``split_name`` of words that stand side by side. ``eval`` is the validation part unless another word says
    validation: then the test part."""
    found = {word: split_name(word) for word in words}
    spoken = {word for word in found if re.sub(r"[^a-z]", "", word.lower()).startswith("eval") and found[word]}
    if "val" not in {split for word, split in found.items() if word not in spoken}:
        found.update(dict.fromkeys(spoken, "val"))
    return found


def check_fractions(config: DataConfig) -> None:
    """``UserError`` for shares that leave nothing to train on."""
    if not (
        0 <= config.val_fraction < 1
        and 0 <= config.test_fraction < 1
        and config.val_fraction + config.test_fraction < 1
    ):
        raise UserError(
            f"val_fraction {config.val_fraction} and test_fraction {config.test_fraction} leave nothing to train on.",
            "Fractions are shares of all samples.",
            "Choose two numbers from 0 to 1 whose sum is below 1, such as 0.1 and 0.2.",
        )


def assign_splits(
    given: np.ndarray, labels: np.ndarray, config: DataConfig, kind: str = "class"
) -> tuple[np.ndarray, str]:
    """The split of each sample, and a sentence that says where it comes from.

    ``given`` (n,) str holds the splits of the source ("" where there are none), ``labels`` (n,) the class indices.
    Validation and test parts that the source does not give are drawn from its training samples: per class, ``fraction``
    of the class (rounded), by a seeded permutation of the samples in the order given; one sample of each class always
    stays in training. Same input, same split.
    """
    check_fractions(config)
    splits = np.where(given == "", "train", given).astype("<U5")
    wanted = {"val": config.val_fraction, "test": config.test_fraction}
    drawn = {name: share for name, share in wanted.items() if share > 0 and not (given == name).any()}
    for label in np.unique(labels) if drawn else ():
        members = np.flatnonzero((labels == label) & (splits == "train"))
        members = np.random.default_rng([config.seed, int(label)]).permutation(members)
        start = 0
        for name, share in drawn.items():
            count = min(int(np.floor(len(members) * share + 0.5)), max(len(members) - 1 - start, 0))
            splits[members[start : start + count]] = name
            start += count
    parts = [
        f"{name} drawn from train ({share:.0%} of {EACH[kind]}, seed {config.seed})" for name, share in drawn.items()
    ]
    kept = [name for name in SPLITS if (given == name).any()]
    return splits, "; ".join(([f"{', '.join(kept)} as given"] if kept else []) + parts) or "all samples train"


def split_order(splits: np.ndarray) -> np.ndarray:
    """Positions that put train first, then val, then test, each in the order given; int64 (n,)."""
    return np.argsort([SPLITS.index(name) for name in splits], kind="stable")
