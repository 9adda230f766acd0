"""The neighbour graph of what a model sees in all samples: searched once per run, then read by the map, the duplicates
and the leaks."""

import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attribution.neighbors.cells import nearest_in_cells
from attribution.neighbors.exact import nearest
from attribution.progress import Progress
from attribution.settings.configs import fingerprint
from attribution.storage.artefact import Artefact
from attribution.storage.files import read_array, whole_file
from attribution.storage.sums import finish

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset
    from attribution.training.run import Run

EXACT_ROWS = 100_000  # up to here all pairs are compared, in a minute or two
NEIGHBORS = 24  # kept per sample; whoever needs fewer takes the first ones
FORMAT = 1  # raise when the same request would give another result than before


class NeighborGraph(Artefact):
    """The nearest other samples of every sample: ``NAME/neighbors/KEY``; all rows of the project, in row order."""

    what = "neighbour graph"

    @cached_property
    def indices(self) -> np.ndarray:
        """Rows of the neighbours (n, k) int32, most similar first."""
        return read_array(self.folder / "indices.npy", mapped=True)

    @cached_property
    def similarities(self) -> np.ndarray:
        """Cosines (n, k) float32 between the representations of the row and its neighbours."""
        return read_array(self.folder / "similarities.npy", mapped=True)


def neighbor_graph(
    dataset: "Dataset",
    run: "Run",
    out: Path,
    progress: Progress | None = None,
    *,
    k: int = NEIGHBORS,
    device: str = "cpu",
) -> NeighborGraph:
    """The graph of a run's recorded representation, from ``out/KEY`` or searched now and kept there.

    Exact up to ``EXACT_ROWS`` samples; beyond, only cells of the space are searched, and ``config["recall"]`` says
    which share of the true neighbours that finds. The key is made of the weights and the data: labels and edits do not
    matter. An exact search costs n^2 d multiplications (100,000 samples of 512 numbers: see docs/benchmarks.md) and n k
    8 bytes on disk.
    """
    work = progress or Progress()
    started_s = time.perf_counter()
    request = {
        "format": FORMAT,
        "run": run.id,
        "weights": run.weights,
        "data": dataset.info.base_hash,
        "k": min(k, len(dataset) - 1),
    }
    if len(dataset) > EXACT_ROWS:
        request["search"] = "cells"
    result = NeighborGraph(Path(out) / fingerprint(request))
    if result.finished:
        return result
    features = np.array(run.representation(), dtype=np.float32)
    features /= np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    recall = 1.0
    if len(features) > EXACT_ROWS:
        indices, similarities, recall = nearest_in_cells(features, k, device=device, progress=work)
    else:
        indices, similarities = nearest(features, k, device=device, progress=work)
    for name, array in (("indices", indices), ("similarities", similarities)):
        with whole_file(result.folder / f"{name}.npy") as temporary, open(temporary, "wb") as stream:
            np.save(stream, array, allow_pickle=False)
    about = {"version": dataset.info.base_hash, "recall": recall, "seconds_s": time.perf_counter() - started_s}
    finish(result.folder, {**request, **about})
    return result
