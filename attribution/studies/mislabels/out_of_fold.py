"""What models say of every training row that they did not train on."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.dataset import Dataset, Labels
from attribution.errors import UserError
from attribution.progress import Progress
from attribution.settings.configs import TrainConfig
from attribution.storage.files import read_array, whole_file

if TYPE_CHECKING:
    from attribution.training.train import Run

TrainFold = Callable[
    [np.ndarray, np.ndarray, Progress], np.ndarray
]  # (rows to train on, rows held out, progress) -> (held, ...)


def assign_folds(strata: np.ndarray, hashes: Any, folds: int, seed: int) -> np.ndarray:
    """A fold 0..folds-1 per row (n,) int64: about equal shares of every stratum (a class, a range of numbers), and
    samples of equal content always together.

    ``hashes`` (n,) are content hashes: a copy in the training part would give the held-out one away. Depends on
    content, strata and seed, not on the row order.
    """
    keys = [hashlib.blake2b(f"{seed}/{value}".encode(), digest_size=8).hexdigest() for value in hashes]
    lowest: dict[str, int] = {}
    for key, stratum in zip(keys, strata.tolist(), strict=True):
        lowest[key] = min(stratum, lowest.get(key, stratum))
    order = sorted(lowest, key=lambda key: (lowest[key], key))
    fold_of = {key: place % folds for place, key in enumerate(order)}
    return np.array([fold_of[key] for key in keys], dtype=np.int64)


def judgeable(labels: np.ndarray, hashes: Any) -> np.ndarray:
    """Which rows (n,) bool carry a label that two or more different samples carry: only of those can models and
    neighbours that did not see a row know its class. ``labels`` (n,), ``hashes`` (n,) of the contents."""
    different: dict[int, set[str]] = {}
    for label, content in zip(labels.tolist(), hashes, strict=True):
        different.setdefault(label, set()).add(content)
    return np.array([len(different[label]) > 1 for label in labels.tolist()], dtype=bool)


def out_of_fold(
    folds: np.ndarray,
    rows: np.ndarray,
    constant: np.ndarray,
    train_fold: TrainFold,
    cache: Path,
    progress: Progress,
) -> np.ndarray:
    """What models that did not train on them say of ``rows`` (n,), as runs keep it, (n, ...) float32; ``folds`` (n,)
    says which fold holds which row, ``constant`` (...) is said where nothing is left to train on.

    Every finished fold is kept in ``cache`` and not trained again after an interruption.
    """
    result = np.tile(np.float32(constant), (len(rows),) + (1,) * np.ndim(constant))
    present = np.unique(folds)
    for place, fold in enumerate(present):
        held = folds == fold
        if held.all():
            continue  # copies of one sample only: nothing is left to train on
        path = cache / f"fold-{fold:02d}.npy"
        if not path.is_file():
            part = progress.part(
                place / len(present), (place + 1) / len(present), f"fold {place + 1} of {len(present)}"
            )
            _save(path, train_fold(rows[~held], rows[held], part).astype(np.float32))
        result[held] = read_array(path)
        progress.update(place + 1, len(present), f"fold {place + 1} of {len(present)}")
    return result


def fold_trainer(
    dataset: "Dataset",
    labels: "Labels",
    run: "Run",
    recipe: "TrainConfig | None",
    scratch: Path,
    device: str,
    trusted: bool,
) -> TrainFold:
    """Trains the run's network with ``recipe`` (None: the run's own) on part of the rows; its folder in ``scratch`` is
    removed afterwards.

    ``UserError`` at the first fold for weights that were loaded when no recipe is given: how they were trained is not
    known.
    """

    def train_fold(rows: np.ndarray, held: np.ndarray, progress: Progress) -> np.ndarray:
        from attribution.training.train import train

        active = labels.active.copy()
        active[held] = False
        part = Labels.of(dataset, labels.values, active)
        if recipe is None and run.loaded:
            raise UserError(
                "Your weights were trained elsewhere.",
                "Out-of-fold predictions come from models trained here from scratch, with the project's recipe: "
                "other models than yours.",
                "Agree to that with --here (in Python project.train_here()), or do without.",
            )
        # Loaded weights have seen what a fold holds out.
        config = replace(recipe or run.train_config, device=device, checkpoints=1, start="seed")
        fold = train(dataset, part, run.model_config, config, scratch, progress, trusted=trusted, dynamics=False)
        said = np.array(fold.outputs()[held])
        shutil.rmtree(fold.folder)
        return said

    return train_fold


def _save(path: Path, values: np.ndarray) -> None:
    with whole_file(path) as temporary, open(temporary, "wb") as stream:
        np.save(stream, values, allow_pickle=False)
