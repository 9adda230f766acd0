"""Lays all samples out in two dimensions, by what the model sees in them or by how they pull on it."""

from pathlib import Path
from typing import Any

import numpy as np

from attribution.neighbors.exact import nearest, nearest_among
from attribution.progress import Progress
from attribution.storage.files import whole_file
from attribution.studies.base import Context, Request
from attribution.studies.map.study import MapConfig
from attribution.studies.neighbor_graph import NEIGHBORS, neighbor_graph

EXACT_LIMIT = 20_000  # up to here neighbours are searched exactly; beyond, by UMAP's own approximate search
EPOCHS = 200  # enough from a PCA start
LAID_OUT = 200_000  # up to here UMAP lays out every sample; beyond, ``LANDMARKS`` of them, and the others between those
LANDMARKS = 20_000
BLOCK = 65_536  # samples placed at once
BETWEEN = 3  # landmarks that place another sample


def request(context: Context, config: MapConfig) -> Request:
    """The space with what it depends on, and for ``umap`` its own settings."""
    run = context.asked
    said: dict[str, Any] = {
        "space": config.space,
        "method": config.method,
        "run": run.id,
        "weights": context.weights,
        "data": context.dataset.info.base_hash,
    }
    if config.space == "gradients":
        said |= {"labels": context.labels.version, "dims": config.dims, "seed": config.seed}
    if config.method == "umap":
        said |= {"neighbors": config.neighbors, "min_dist": config.min_dist, "seed": config.seed}
        if len(context.dataset) > LAID_OUT:
            said["landmarks"] = LANDMARKS
    return Request(said)


def compute(context: Context, config: MapConfig, asked: Request, out: Path, work: Progress) -> dict[str, Any]:
    """Two-dimensional positions of all samples (training, validation and test).

    ``representation`` uses what the last layer is given; ``gradients`` a random projection of every sample's loss
    gradient at the last checkpoint, by its current label (one pass forward and backward). ``pca`` takes the two
    directions of largest variance (seconds), ``umap`` keeps neighbourhoods (about 20 s for 10,000 samples); in the
    representation it reads the project's neighbour graph, which leaks and duplicates share. Beyond ``LAID_OUT``
    samples it lays out ``LANDMARKS`` of them, drawn by the seed, and puts each other one between the three most similar
    landmarks (``config["landmarks"]``). Same input, same output.
    """
    work.update(0, 3, "reading what the model sees")
    if config.space == "representation":
        features = np.array(context.asked.representation(), dtype=np.float32)
    else:
        features = _gradients(context, config, work.part(0.0, 0.5))
    if config.method == "pca":
        coordinates = pca(features)
    elif "landmarks" in asked.said:
        coordinates = umap_by_landmarks(features, config, work)
    else:
        coordinates = umap(features, config, work, _known(context, config, work.part(0.33, 0.66)))
    with whole_file(out / "coordinates.npy") as temporary, open(temporary, "wb") as stream:
        np.save(stream, coordinates, allow_pickle=False)
    return {"version": context.labels.version}


def _known(context: Context, config: MapConfig, work: Progress) -> tuple[np.ndarray, np.ndarray] | None:
    """Neighbours that were searched already, where the map's space is theirs and they are enough."""
    if config.space != "representation" or config.neighbors > NEIGHBORS:
        return None
    graph = neighbor_graph(context.dataset, context.asked, context.folder / "neighbors", work)
    return graph.indices, graph.similarities


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


def _gradients(context: Context, config: MapConfig, progress: Progress) -> np.ndarray:
    trained = context.trained(config.device)
    parts = []
    n = len(context.dataset)
    for start in range(0, n, trained.batch_size):
        x, y = trained.batch(np.arange(start, min(n, start + trained.batch_size)))
        parts.append(trained.engine().project(x, y, config.dims, config.seed).float().cpu().numpy())
        progress.update(start, n, f"gradients, {start:,} of {n:,}")
    return np.concatenate(parts)
