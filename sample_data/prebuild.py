"""Makes the finished results that the sample projects open on: sample_data/NAME/prebuilt.zip, from the checked-in data.

Run: python sample_data/prebuild.py [NAME ...]. Trains, looks for wrong labels, draws the maps, explains predictions
(some minutes a sample). Dense score shards are left out to keep the archive small: pages read the reductions, and a new
score run makes its own.
"""

import argparse
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from attribution import MapConfig, Progress, Project, ScoreConfig
from attribution.project.home import SAMPLES
from attribution.storage.files import read_json, write_json

HERE = Path(__file__).resolve().parent
PARTS = ("runs", "flags", "leaks", "maps", "scores")
SCORES = (("ip", "test"), ("tracin", "test"), ("cosine", "wrong"), ("forward-inf", "first wrong"))
# Forward-INF costs a forward pass over the training set per query: the first wrong predictions open ready, others when
# asked for.
FIRST = 48


def build(name: str, folder: Path, add: bool = False) -> None:
    """All results of one sample, packed; what is finished in ``folder``, or with ``add`` in the archive, is not made
    again."""
    archive = HERE / name / "prebuilt.zip"
    if not add:
        archive.unlink(missing_ok=True)
    project = Project.sample(name, folder / name)
    made = [project.train(progress=_said(name, "train")), project.flag(progress=_said(name, "flag"))]
    made.append(project.find_leaks(progress=_said(name, "leaks")))
    for space in ("representation", "gradients"):
        for method in ("pca", "umap"):
            made.append(project.embed(MapConfig(space=space, method=method), _said(name, f"map {space} {method}")))
    for estimator, queries in SCORES:
        if queries == "first wrong":
            queries = ",".join(project.dataset.ids[project.query_rows("wrong")[:FIRST]])
        result = project.score(ScoreConfig(estimator=estimator, queries=queries), _said(name, f"score {estimator}"))
        write_json(result.folder / "config.json", {**read_json(result.folder / "config.json"), "dense": False})
        made.append(result)
    pack(project.folder, archive, {one.id for one in made})


def pack(folder: Path, archive: Path, wanted: set[str]) -> None:
    """Zip these results; the same files give the same bytes."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for path in sorted(path for part in PARTS for path in (folder / part).rglob("*") if path.is_file()):
            inside = path.relative_to(folder)
            if inside.parts[1] in wanted and inside.parts[2] not in ("shards", "folds"):
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
    parser.add_argument("--folder", type=Path, help="Where to work; kept, and taken up again after an interruption.")
    parser.add_argument("--add", action="store_true", help="Keep what the archive holds and make only what is missing.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for wanted in options.names:
            build(wanted, options.folder or Path(scratch), options.add)
