"""Makes the finished results that the sample projects open on: sample_data/NAME/prebuilt.zip, from the checked-in data.

Run: python sample_data/prebuild.py [NAME ...]. Trains, looks for wrong labels, draws the maps, explains predictions (some minutes a sample).
Dense score shards are left out to keep the archive small: pages read the reductions, and a new score run makes its own.
"""

import argparse
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from attribution import MapConfig, Progress, Project, ScoreConfig
from attribution.storage.files import read_json, write_json
from attribution.workspace.home import SAMPLES

HERE = Path(__file__).resolve().parent
PARTS = ("runs", "flags", "maps", "scores")
SCORES = (("ip", "test"), ("cosine", "test"), ("tracin", "test"), ("forward-inf", "wrong"), ("random", "wrong"))


def build(name: str) -> None:
    """All results of one sample, packed."""
    with tempfile.TemporaryDirectory() as folder:
        project = Project.sample(name, Path(folder) / name)
        for part in PARTS:  # what an older archive brought along
            for path in sorted((project.folder / part).rglob("*"), reverse=True):
                path.unlink() if path.is_file() else path.rmdir()
        run = project.train(progress=_said(name, "train"))
        project.flag(progress=_said(name, "flag"))
        for space in ("representation", "gradients"):
            for method in ("pca", "umap"):
                project.embed(MapConfig(space=space, method=method), _said(name, f"map {space} {method}"))
        for estimator, queries in SCORES:
            result = project.score(ScoreConfig(estimator=estimator, queries=queries), _said(name, f"score {estimator}"))
            write_json(result.folder / "config.json", {**read_json(result.folder / "config.json"), "dense": False})
        pack(project.folder, HERE / name / "prebuilt.zip", run.id)


def pack(folder: Path, archive: Path, run: str) -> None:
    """Zip the results of the project's own run; the same files give the same bytes."""
    others = {path.parent.name for path in folder.glob("runs/*/config.json")} - {run}  # the folds of the out-of-fold predictions
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for path in sorted(path for part in PARTS for path in (folder / part).rglob("*") if path.is_file()):
            inside = path.relative_to(folder)
            if inside.parts[2] != "shards" and not (inside.parts[0] == "runs" and inside.parts[1] in others):
                entry = zipfile.ZipInfo(inside.as_posix(), (2026, 1, 1, 0, 0, 0))
                entry.compress_type = zipfile.ZIP_DEFLATED
                packed.writestr(entry, path.read_bytes())
    sys.stdout.write(f"{archive}: {archive.stat().st_size / 1e6:.2f} MB\n")


def _said(name: str, step: str) -> Progress:
    began_s = time.perf_counter()

    def show(done: float, total: float, message: str) -> None:
        if done >= total:
            sys.stdout.write(f"{name} {step}: {time.perf_counter() - began_s:.1f} s\n")
            sys.stdout.flush()

    return Progress(show)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=SAMPLES)
    for wanted in parser.parse_args().names:
        build(wanted)
