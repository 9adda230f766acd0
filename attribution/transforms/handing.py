"""Tensors that a transform makes: kept by content beside the data where they fit, else made when they are asked for."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.dataset import Dataset
from attribution.datasets.handed import Inputs
from attribution.errors import Cancelled, UserError
from attribution.progress import Progress
from attribution.settings.configs import fingerprint
from attribution.storage.files import read_array, whole_file
from attribution.storage.locks import alone
from attribution.storage.rows import rows_into
from attribution.transforms.base import Transform, kind_of

if TYPE_CHECKING:
    import torch

FORMAT = 1
KEPT_BYTES = 8 << 30  # tensors of all samples that are kept on disk; larger ones are made when they are asked for
FEW = 16  # rows that are made without keeping those of all
BLOCK = 64  # samples that are transformed together


def transformed(dataset: Dataset, rows: np.ndarray, device: "str | torch.device", inputs: Inputs) -> "torch.Tensor":
    """What the model is handed of these rows (int64), ``(b, *inputs.shape)`` float32 or int64, on the device."""
    import torch

    return torch.from_numpy(array_of(dataset, np.asarray(rows, dtype=np.int64), inputs)).to(device)


def array_of(dataset: Dataset, rows: np.ndarray, inputs: Inputs) -> np.ndarray:
    """The same as an array: from what is kept, which is made first where many are asked for and there is room."""
    if (rows >= len(dataset)).any():  # questions are not kept
        return made(dataset, rows, inputs)
    path = place(dataset, inputs)
    if not path.is_file() and (len(rows) <= FEW or not keeps(dataset, inputs)):
        return made(dataset, rows, inputs)
    if not path.is_file():
        keep(dataset.imported, inputs)
    found = np.array(_opened(path, path.stat().st_mtime_ns)[rows])
    anew = np.flatnonzero(np.isin(rows, list(dataset.rewritten)))
    if len(anew):
        found[anew] = made(dataset, rows[anew], inputs)
    return found


def place(dataset: Dataset, inputs: Inputs) -> Path:
    """Where the tensors of all samples are kept: by the data and what the transform is."""
    key = fingerprint("handed", FORMAT, dataset.info.base_hash, inputs.identity, list(inputs.shape))
    return dataset.folder / "handed" / f"{key}.npy"


def keeps(dataset: Dataset, inputs: Inputs) -> bool:
    """Whether the tensors of all samples are kept on disk: where they take no more than ``KEPT_BYTES`` and half of what
    is free there."""
    size_bytes = 4 * len(dataset) * int(np.prod(inputs.shape))
    room_bytes = min(KEPT_BYTES, shutil.disk_usage(dataset.folder).free // 2)
    return inputs.kept and (kind_of(inputs.transform)[0].always_kept or size_bytes <= room_bytes)


def keep(dataset: Dataset, inputs: Inputs, progress: Progress | None = None) -> None:
    """Make the tensors of all samples, where they are kept; whole or not at all, once among processes."""
    progress = progress or Progress()
    path = place(dataset, inputs)
    if path.is_file() or not keeps(dataset, inputs):
        return
    path.parent.mkdir(exist_ok=True)
    with alone(path.with_name(f".{path.stem}.lock"), progress):
        if path.is_file():
            return
        first = made(dataset, np.arange(min(1, len(dataset))), inputs)
        with (
            whole_file(path) as temporary,
            rows_into(temporary, first.dtype, inputs.shape, len(dataset)) as writer,
        ):
            for start in range(0, len(dataset), BLOCK):
                rows = np.arange(start, min(start + BLOCK, len(dataset)))
                progress.update(start, len(dataset), f"transforming samples, {start:,} of {len(dataset):,}")
                for row in made(dataset, rows, inputs):
                    writer.append(row)


def made(dataset: Dataset, rows: np.ndarray, inputs: Inputs) -> np.ndarray:
    """Transform these rows now."""
    if not len(rows):
        return np.zeros((0, *inputs.shape), dtype=np.float32)
    transform = opened(dataset, inputs.transform, inputs.shape)
    with seeded_all(0):
        parts = [make(transform, dataset, rows[start : start + BLOCK]) for start in range(0, len(rows), BLOCK)]
    return np.concatenate(parts)


def augmented(dataset: Dataset, rows: np.ndarray, said: str, shape: tuple[int, ...], seeds: np.ndarray) -> np.ndarray:
    """What the training transform ``said`` makes of these rows, each drawn under its own seed (b,)."""
    transform = opened(dataset, said, shape, training=True)
    found = []
    for row, seed in zip(rows, seeds, strict=True):
        with seeded_all(int(seed)):
            found.append(make(transform, dataset, np.array([row])))
    return np.concatenate(found)


def make(transform: Transform, dataset: Dataset, rows: np.ndarray) -> np.ndarray:
    """``transform.batch`` of some rows; what fails names its sample."""
    originals = [dataset.originals[row] for row in rows]
    try:
        found = transform.batch(originals)
    except (UserError, Cancelled, KeyboardInterrupt):
        raise
    except Exception as error:  # of the user's code, or of their library
        raise _failed(transform, dataset, rows, originals, error) from error
    if transform.shape and found.shape[1:] != transform.shape:
        raise _other_shape(transform, dataset.ids[rows[0]], found.shape[1:])
    return found


def _other_shape(transform: Transform, name: str, shape: tuple[int, ...]) -> UserError:
    return UserError(
        f"The transform {transform.said} gives a tensor of shape {shape} for sample {name} and of {transform.shape} "
        "for others.",
        "A model is handed samples of one shape.",
        "Let it end with a fixed size, such as CenterCrop(224).",
    )


def _failed(
    transform: Transform, dataset: Dataset, rows: np.ndarray, originals: list[Any], error: Exception
) -> UserError:
    """The words for a transform that fails, with the first sample that it fails on."""
    for row, original in zip(rows, originals, strict=True):
        try:
            found = transform.batch([original])
        except Exception as again:
            about = f"{type(again).__name__}: {' '.join(str(again).split())[:300]}"
            return UserError(
                f"The transform {transform.said} fails on sample {dataset.ids[row]}: {about}.",
                f"It is given {_said(original)}.",
                "Begin it with picture.convert('RGB'), as ImageFolder does."
                if getattr(original, "mode", "") == "L"
                else "Mend it, or choose another.",
            )
        if transform.shape and found.shape[1:] != transform.shape:
            return _other_shape(transform, dataset.ids[row], found.shape[1:])
    return UserError(
        f"The transform {transform.said} fails on samples together: {type(error).__name__}: {error}.",
        "Each of them alone works.",
        "Let it give tensors of one shape.",
    )


def _said(original: Any) -> str:
    """What a transform is given, in words."""
    if isinstance(original, str):
        return "a text (str)"
    if isinstance(original, dict):
        return f"a dict with the columns {', '.join(map(str, list(original)[:6]))}"
    size = getattr(original, "size", None)
    if isinstance(size, tuple):
        return f"a PIL picture of {size[0]} x {size[1]} pixels, mode {original.mode}"
    return f"an array of shape {getattr(original, 'shape', '?')}"


def opened(dataset: Dataset, said: str, shape: tuple[int, ...], training: bool = False) -> Transform:
    """The transform, made once for a dataset."""
    held: dict[Any, Transform] = dataset.__dict__.setdefault("_transforms", {})
    key = (said, shape, training)
    if key not in held:
        kind, rest = kind_of(said)
        if kind.kinds and not {dataset.info.modality} <= set(kind.kinds):
            raise UserError(
                f"The transform {kind.written} takes {' and '.join(kind.kinds)} data; these are "
                f"{dataset.info.modality}.",
                "It would have nothing to work on.",
                "Leave it out, or write a function of your own: FILE.py:FUNCTION.",
            )
        held[key] = kind(rest, dataset, shape, training)
    return held[key]


def notes_of(dataset: Dataset, said: str) -> list[str]:
    """What a transform said of the data when their shape was found; nothing where nobody had to look."""
    found = dataset.__dict__.get("_transforms", {}).get((said, (), False))
    return found.notes() if found is not None else []


@lru_cache(maxsize=8)
def _opened(path: Path, changed_ns: int) -> np.ndarray:
    return read_array(path, mapped=True)


@contextmanager
def seeded_all(seed: int) -> Iterator[None]:
    """Random states that a transform may draw from (NumPy, Python, torch), seeded inside the block and put back
    after it."""
    import random

    import torch

    numpy_state = np.random.get_state()
    python_state = random.getstate()
    torch_state = torch.random.get_rng_state()
    np.random.seed(seed % 2**32)
    random.seed(seed)
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)
        torch.random.set_rng_state(torch_state)
