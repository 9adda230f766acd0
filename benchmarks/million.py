"""A million samples in the app: makes the project, then measures what a user waits for in a real browser.

    python benchmarks/million.py make FOLDER [--n 1000000]     # data, model, map, suspects, by the product's own steps
    python benchmarks/million.py measure FOLDER                # needs chromium; writes benchmarks/results/million.json
"""

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
CLASSES, CLUSTERS, COLUMNS, HELD_OUT, WRONG = 10, 3, 64, 2_000, 0.02


def samples(n: int, seed: int = 0) -> dict[str, np.ndarray]:
    """``n`` training samples, 2,000 for validation and 2,000 for testing, of 64 numbers: three Gaussian clusters per class; 2 % of the training labels set wrong."""
    chance = np.random.default_rng(seed)
    centres = chance.normal(scale=1.0, size=(CLASSES * CLUSTERS, COLUMNS)).astype(np.float32)
    cluster = chance.integers(0, len(centres), n + 2 * HELD_OUT)
    x = centres[cluster] + 1.6 * chance.standard_normal((n + 2 * HELD_OUT, COLUMNS), dtype=np.float32)
    y = cluster % CLASSES
    wrong = np.flatnonzero(chance.random(n) < WRONG)
    y[wrong] = (y[wrong] + chance.integers(1, CLASSES, len(wrong))) % CLASSES
    names = np.array([f"class {k}" for k in range(CLASSES)])
    ends = {"train": slice(0, n), "val": slice(n, n + HELD_OUT), "test": slice(n + HELD_OUT, None)}
    arrays = {f"{name}_{split}": array[part] for split, part in ends.items() for name, array in (("X", x), ("y", y))}
    return {**arrays, "classes": names}


def make(folder: Path, n: int) -> dict[str, float]:
    """The project, step by step; CPU seconds of each."""
    from attribution import Project
    from attribution.config import DataConfig, FlagConfig, MapConfig, ModelConfig, TrainConfig

    source = folder.with_suffix(".npz")
    folder.parent.mkdir(parents=True, exist_ok=True)
    np.savez(source, **samples(n))
    cpu: dict[str, float] = {}

    def step(name: str, work: Any) -> Any:
        began = time.process_time()
        done = work()
        cpu[name] = round(time.process_time() - began, 1)
        print(name, cpu[name], "CPU s; peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "MiB", flush=True)
        return done

    data = DataConfig(path=str(source))
    recipe = TrainConfig(epochs=1, batch_size=512, checkpoints=1)
    project = step("import", lambda: Project.create(folder, data, ModelConfig(name="mlp", width=64), recipe))
    step("train", lambda: project.train())
    step("map, PCA", lambda: project.embed(MapConfig(method="pca")))
    step("wrong labels", lambda: project.flag(FlagConfig(detectors=("aum", "margin", "neighbors"), cases=50)))
    return cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["make", "measure"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n", type=int, default=1_000_000)
    given = parser.parse_args()
    if given.what == "make":
        cpu = make(given.folder.resolve(), given.n)
        (given.folder / "made.json").write_text(json.dumps({"n": given.n, "cpu_s": cpu}, indent=1) + "\n")


if __name__ == "__main__":
    main()
