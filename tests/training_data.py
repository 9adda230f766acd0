"""Small datasets for training tests: clustered tables whose labels are partly wrong, and random images."""

from pathlib import Path

import numpy as np
import pandas as pd

from attribution.datasets.dataset import Dataset, DatasetInfo


def table(
    folder: Path,
    counts: tuple[int, int, int] = (60, 20, 40),
    d: int = 4,
    classes: int = 3,
    noise: float = 0.0,
    seed: int = 0,
) -> Dataset:
    """Gaussian clusters, one per class, with a share ``noise`` of training labels moved to the next class."""
    generator = np.random.default_rng(seed)
    centres = 1.5 * generator.normal(size=(classes, d))
    labels = generator.integers(classes, size=sum(counts))
    inputs = (centres[labels] + generator.normal(size=(len(labels), d))).astype(np.float32)
    labels[: int(noise * counts[0])] = (labels[: int(noise * counts[0])] + 1) % classes
    info = DatasetInfo(
        "table",
        "tabular",
        tuple("abcdef"[:classes]),
        (d,),
        {},
        "",
        preprocessing={"columns": [f"x{i}" for i in range(d)]},
    )
    return Dataset.write(folder, info, samples(labels, counts), inputs)


def images(folder: Path, counts: tuple[int, int, int] = (24, 8, 8)) -> Dataset:
    """Random 8x8 images of two classes, one brighter."""
    generator = np.random.default_rng(0)
    labels = generator.integers(2, size=sum(counts))
    pixels = generator.integers(0, 128, size=(len(labels), 8, 8, 1)) + 100 * labels[:, None, None, None]
    info = DatasetInfo(
        "images", "image", ("dark", "bright"), (1, 8, 8), {}, "", preprocessing={"mean": [0.5], "std": [0.25]}
    )
    return Dataset.write(folder, info, samples(labels, counts), pixels.astype(np.uint8))


def samples(labels: np.ndarray, counts: tuple[int, int, int]) -> pd.DataFrame:
    """The samples' table of a dataset with these labels and split sizes."""
    splits = np.repeat(["train", "val", "test"], counts)
    ids = [f"s{row:03d}" for row in range(len(labels))]
    return pd.DataFrame({"id": ids, "split": splits, "label": labels, "source": "made", "hash": ids})
