"""Small projects of every kind of data, with decisions in them, for tests of what leaves them."""

import numpy as np
import pandas as pd
from PIL import Image

from attribution import Project
from attribution.settings.configs import DataConfig


def pictures(folder, splits=("train", "test"), names=("boots", "shoes"), count=12):
    """Class folders of small pictures, each of its own."""
    chance = np.random.default_rng(1)
    for split in splits:
        for name in names:
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = chance.integers(0, 255, (9, 9, 3)).astype(np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{number:02}.png")
    return folder


def picture_project(folder, **how):
    """Of ``pictures``: the first is relabelled, the second dropped, the third kept."""
    source = pictures(folder / "photos", **how)
    project = Project.create(folder / "home" / "photos", DataConfig(path=str(source)))
    first = project.dataset.word(project.labels.values[0])
    other = next(name for name in project.classes if name != first)
    project.relabel([0], other, reason="open toe")
    project.drop([1])
    project.keep([2])
    return project, source


def numbers_project(folder):
    """A table with a number to predict and a column that is no feature."""
    chance = np.random.default_rng(2)
    table = pd.DataFrame({"a": chance.normal(size=80).round(3), "b": chance.normal(size=80).round(3)})
    table["price"] = (3 * table["a"] - table["b"]).round(2)
    table.to_csv(folder / "prices.csv", index=False)
    config = DataConfig(path=str(folder / "prices.csv"), label="price", task="regression", unit="EUR")
    project = Project.create(folder / "home" / "prices", config)
    project.relabel([0], 7.25)
    project.drop([1])
    return project, table


def sets_project(folder):
    """Texts with several labels each, as JSON lines with lists."""
    chance = np.random.default_rng(3)
    words = ["cat", "dog", "bird"]
    lines = []
    for number in range(60):
        mine = [word for word in words if chance.random() < 0.5] or ["cat"]
        lines.append({"text": f"{number} " + " ".join(mine), "label": mine, "more": {"n": number}})
    pd.DataFrame(lines).to_json(folder / "pets.jsonl", orient="records", lines=True)
    config = DataConfig(path=str(folder / "pets.jsonl"), text="text", task="multilabel")
    project = Project.create(folder / "home" / "pets", config)
    project.relabel([0], "dog;bird")
    project.drop([1])
    return project, lines


def archive_project(folder):
    """Pictures in an archive, with splits and class names."""
    chance = np.random.default_rng(4)
    arrays = {
        "X_train": chance.integers(0, 255, (40, 8, 8)).astype(np.uint8),
        "y_train": np.arange(40) % 2,
        "X_test": chance.integers(0, 255, (20, 8, 8)).astype(np.uint8),
        "y_test": np.arange(20) % 2,
        "classes": np.array(["bag", "../coat"]),
        "weights": np.arange(40.0),
    }
    np.savez_compressed(folder / "wear.npz", **arrays)
    project = Project.create(folder / "home" / "wear", DataConfig(path=str(folder / "wear.npz")))
    rows = project.dataset.rows_of(["train-00000", "train-00001", "test-00000"])
    project.relabel(rows[:1], "../coat")
    project.drop(rows[1:2])
    project.relabel(rows[2:], "../coat")
    return project, arrays
