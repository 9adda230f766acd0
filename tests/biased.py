"""A table whose training labels are biased against one group: the smallest project with something to put right for
fairness."""

from pathlib import Path

import numpy as np
import pandas as pd

from attribution import DataConfig, ModelConfig, Project, TrainConfig


def write_table(path: Path, n_train: int = 240, n_val: int = 160, n_test: int = 200, seed: int = 0) -> np.ndarray:
    """Two numbers decide the label; half of group b's positive training labels are turned to "no". Returns the turned
    positions."""
    chance = np.random.default_rng(seed)
    n = n_train + n_val + n_test
    group = chance.integers(0, 2, n)
    x = chance.normal(size=(n, 2))
    z = group + 0.3 * chance.normal(size=n)  # a column that gives the group away
    label = (x[:, 0] + 0.5 * x[:, 1] > 0).astype(int)
    turned = np.flatnonzero((np.arange(n) < n_train) & (group == 1) & (label == 1) & (chance.random(n) < 0.5))
    label[turned] = 0
    split = np.repeat(["train", "val", "test"], [n_train, n_val, n_test])
    table = {
        "x": x[:, 0],
        "w": x[:, 1],
        "z": z,
        "group": np.array(["a", "b"])[group],
        "label": np.array(["no", "yes"])[label],
        "split": split,
    }
    pd.DataFrame({"id": [f"row-{row}" for row in range(n)], **table}).to_csv(path, index=False)
    return turned


def make_project(folder: Path, *, with_group: bool = True) -> Project:
    """The trained project; without its group column if asked."""
    folder.mkdir(parents=True, exist_ok=True)
    write_table(folder / "biased.csv")
    data = DataConfig(
        path=str(folder / "biased.csv"),
        id="id",
        split="split",
        group="group" if with_group else "",
        features=("x", "w", "z"),
    )
    recipe = TrainConfig(epochs=6, batch_size=16, lr=0.1, checkpoints=2, device="cpu")
    project = Project.create(folder / "biased", data, ModelConfig(name="logistic"), recipe)
    project.train()
    return project
