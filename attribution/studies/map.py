"""Lays all samples out in two dimensions, by what the model sees in them or by how they pull on it."""

import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.neighbors.exact import nearest, nearest_among
from attribution.progress import Progress
from attribution.settings.configs import MapConfig, fingerprint
from attribution.storage.artefact import Artefact
from attribution.storage.files import file_hash, read_array, whole_file
from attribution.storage.sums import finish
from attribution.studies.neighbor_graph import NEIGHBORS, neighbor_graph

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset, Labels
    from attribution.training.train import Run

EXACT_LIMIT = 20_000  # up to here neighbours are searched exactly; beyond, by UMAP's own approximate search
EPOCHS = 200  # enough from a PCA start
LAID_OUT = 200_000  # up to here UMAP lays out every sample; beyond, ``LANDMARKS`` of them, and the others between those
LANDMARKS = 20_000
BLOCK = 65_536  # samples placed at once
BETWEEN = 3  # landmarks that place another sample


class MapResult(Artefact):
    """One finished map: ``NAME/maps/MAP``; reading it needs NumPy alone. Labels matter only to maps of gradients."""

    what = "map"

    @property
    def space(self) -> str:
        return str(self.config["space"])

    @property
    def method(self) -> str:
        return str(self.config["method"])

    @cached_property
    def coordinates(self) -> np.ndarray:
        """Positions (n, 2) float32 of ALL rows of the project, in row order."""
        return read_array(self.folder / "coordinates.npy")


def embed(
    dataset: "Dataset",
    labels: "Labels",
    run: "Run",
    config: MapConfig,
    out: Path,
    progress: Progress | None = None,
    *,
    trusted: bool = False,
    graphs: Path | None = None,
) -> MapResult:
    """Two-dimensional positions of all samples (training, validation and test), written to ``out/ID``.

    ``representation`` uses what the last layer is given; ``gradients`` a random projection of every sample's loss
    gradient at the last checkpoint, by its current label (one pass forward and backward). ``pca`` takes the two
    directions of largest variance (seconds), ``umap`` keeps neighbourhoods (about 20 s for 10,000 samples); in the
    representation it reads the neighbour graph kept in ``graphs``, which leaks and duplicates share. Beyond
    ``LAID_OUT`` samples it lays out ``LANDMARKS`` of them, drawn by the seed, and puts each other one between the three
    most similar landmarks (``config["landmarks"]``). Same input, same output.
    """
    work = progress or Progress()
    started_s = time.perf_counter()
    request: dict[str, Any] = {
        "space": config.space,
        "method": config.method,
        "run": run.id,
        "weights": file_hash(Path(run.checkpoints[-1][0])),
        "data": dataset.info.base_hash,
    }
    if config.space == "gradients":
        request |= {"labels": labels.version, "dims": config.dims, "seed": config.seed}
    if config.method == "umap":
        request |= {"neighbors": config.neighbors, "min_dist": config.min_dist, "seed": config.seed}
        if len(dataset) > LAID_OUT:
            request["landmarks"] = LANDMARKS
    result = MapResult(Path(out) / fingerprint(request))
    if (result.folder / "config.json").is_file():
        return result
    work.update(0, 3, "reading what the model sees")
    if config.space == "representation":
        features = np.array(run.representation(), dtype=np.float32)
    else:
        features = _gradients(dataset, labels, run, config, work.part(0.0, 0.5), trusted)
    known = None
    shared = (
        config.space == "representation"
        and graphs is not None
        and config.neighbors <= NEIGHBORS
        and "landmarks" not in request
    )
    if config.method == "umap" and shared and graphs is not None:
        graph = neighbor_graph(dataset, run, graphs, work.part(0.33, 0.66))
        known = graph.indices, graph.similarities
    if config.method == "pca":
        coordinates = pca(features)
    else:
        coordinates = (
            umap_by_landmarks(features, config, work) if "landmarks" in request else umap(features, config, work, known)
        )
    with whole_file(result.folder / "coordinates.npy") as temporary, open(temporary, "wb") as stream:
        np.save(stream, coordinates, allow_pickle=False)
    finish(result.folder, {**request, "version": labels.version, "seconds_s": time.perf_counter() - started_s})
    work.update(1, 1, "done")
    return result


def pca(features: np.ndarray, dims: int = 2) -> np.ndarray:
    """The ``dims`` directions of largest variance of (n, d) features: (n, dims) float32; each direction's largest
    loading is positive."""
    centred = features.astype(np.float64) - features.mean(0)
    _, vectors = np.linalg.eigh(centred.T @ centred / max(1, len(centred)))  # ascending
    axes = vectors[:, ::-1][:, :dims]  # (d, dims)
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), np.arange(axes.shape[1])])
    flat = centred @ axes  # (n, dims)
    return np.pad(flat, ((0, 0), (0, dims - flat.shape[1]))).astype(np.float32)


def umap(
    features: np.ndarray, config: MapConfig, progress: Progress, graph: tuple[np.ndarray, np.ndarray] | None = None
) -> np.ndarray:
    """UMAP by cosine: (n, 2) float32.

    Neighbours come from ``graph`` (rows and cosines, (n, k) each, most similar first) when it is given, else from our
    own exact search up to ``EXACT_LIMIT`` samples: it is faster there, and it saves the compilation of UMAP's
    approximate search, which takes longer than the whole layout.
    """
    n = len(features)
    if n <= 3:
        return pca(features)
    import warnings

    import torch
    from umap import UMAP

    k = min(config.neighbors, n - 1)
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    known: dict[str, Any] = {}
    if graph is not None or n <= EXACT_LIMIT:
        progress.update(1, 3, "searching neighbours")
        found = nearest(unit, k - 1) if graph is None else graph
        indices, similarities = (np.array(array[:, : k - 1]) for array in found)
        own = np.arange(n, dtype=np.int32)[:, None]
        distances = np.sqrt(np.maximum(0, 2 - 2 * similarities))  # of unit vectors
        known["precomputed_knn"] = (np.hstack([own, indices]), np.hstack([np.zeros((n, 1), np.float32), distances]))
    progress.update(2, 3, "laying out the map")
    threads = torch.get_num_threads()
    with warnings.catch_warnings():
        # UMAP warns that a seed turns threads off and that it cannot transform new points: both meant.
        warnings.simplefilter("ignore")
        known |= {"random_state": config.seed, "n_jobs": 1, "n_epochs": EPOCHS, "init": _start(unit, config.seed)}
        try:
            layout = UMAP(n_neighbors=k, min_dist=config.min_dist, **known)
            return np.asarray(layout.fit_transform(unit), dtype=np.float32)
        finally:
            torch.set_num_threads(threads)  # numba, inside UMAP, sets the OpenMP threads that torch uses, too


def umap_by_landmarks(features: np.ndarray, config: MapConfig, progress: Progress) -> np.ndarray:
    """UMAP of ``LANDMARKS`` rows drawn by the seed, every other row at the mean of the ``BETWEEN`` most similar of
    them, weighted by one over the distance: (n, 2) float32. Costs n times ``LANDMARKS`` products; fine structure that
    the landmarks miss is not shown."""
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    chosen = np.sort(np.random.default_rng(config.seed).permutation(len(unit))[:LANDMARKS])
    placed = umap(unit[chosen], config, progress.part(0.33, 0.6))
    coordinates = np.empty((len(unit), 2), dtype=np.float32)
    for start in range(0, len(unit), BLOCK):
        progress.update(
            0.6 + 0.4 * start / len(unit), 1.0, f"placing samples between landmarks, {start:,} of {len(unit):,}"
        )
        places, squared = nearest_among(unit[start : start + BLOCK], unit[chosen], BETWEEN)
        weights = 1 / np.maximum(np.sqrt(squared), 1e-6)
        weights /= weights.sum(1, keepdims=True)
        coordinates[start : start + BLOCK] = np.einsum("bk,bkd->bd", weights, placed[places])
    coordinates[chosen] = placed
    return coordinates


def _start(unit: np.ndarray, seed: int) -> np.ndarray:
    """Where points start: the PCA map scaled to a width of 10, shaken a little so that equal samples can part."""
    start = pca(unit)
    start = 10 * start / max(float(np.abs(start).max()), 1e-12)
    return (start + np.random.default_rng(seed).normal(scale=1e-4, size=start.shape)).astype(np.float32)


def _gradients(
    dataset: "Dataset", labels: "Labels", run: "Run", config: MapConfig, progress: Progress, trusted: bool
) -> np.ndarray:
    from attribution.training.trained import TrainedModel

    trained = TrainedModel(dataset, labels, run, device=config.device, trusted=trusted)
    parts = []
    n = len(dataset)
    for start in range(0, n, trained.batch_size):
        x, y = trained.batch(np.arange(start, min(n, start + trained.batch_size)))
        parts.append(trained.engine().project(x, y, config.dims, config.seed).float().cpu().numpy())
        progress.update(start, n, f"gradients, {start:,} of {n:,}")
    return np.concatenate(parts)
