"""Time and memory of the exact neighbour graph beside an approximate one: ``python benchmarks/neighbors.py [--n 100000]
[--approximate]``.

Writes benchmarks/results/neighbors.json. The points are 100 Gaussian clouds in 512 dimensions; recall is of the exact
24 neighbours.
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
import torch

from attribution.neighbors.exact import nearest
from attribution.studies.neighbor_graph import NEIGHBORS

RESULT = Path(__file__).parent / "results" / "neighbors.json"


def clouds(n: int, d: int) -> np.ndarray:
    """Points (n, d) float32 around 100 centres."""
    chance = np.random.default_rng(0)
    centres = chance.normal(size=(100, d)).astype(np.float32)
    return centres[chance.integers(0, 100, n)] + chance.normal(size=(n, d)).astype(np.float32)


def approximate(points: np.ndarray, threads: int) -> tuple[np.ndarray, float, float]:
    """pynndescent's neighbours (n, k), wall and processor seconds, compilation included."""
    from pynndescent import NNDescent

    started_s, cpu_s = time.perf_counter(), time.process_time()
    index = NNDescent(points, metric="cosine", n_neighbors=NEIGHBORS + 1, random_state=0, n_jobs=threads)
    return index.neighbor_graph[0][:, 1:], time.perf_counter() - started_s, time.process_time() - cpu_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--d", type=int, default=512)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--approximate", action="store_true", help="Measure pynndescent as well (minutes).")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    points = clouds(options.n, options.d)
    started_s, cpu_s = time.perf_counter(), time.process_time()
    indices, _ = nearest(points, NEIGHBORS)
    found: dict[str, Any] = {"n": options.n, "d": options.d, "k": NEIGHBORS, "threads": options.threads}
    found["exact"] = {"wall_s": time.perf_counter() - started_s, "processor_s": time.process_time() - cpu_s}
    found["exact"]["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if options.approximate:
        other, wall_s, processor_s = approximate(points, options.threads)
        sample = np.random.default_rng(1).choice(options.n, min(2000, options.n), replace=False)
        recall = float(np.mean([len(set(indices[row]) & set(other[row])) / NEIGHBORS for row in sample]))
        found["pynndescent"] = {"wall_s": wall_s, "processor_s": processor_s, "recall": recall}
    elif RESULT.exists():
        found |= {name: one for name, one in json.loads(RESULT.read_text()).items() if name == "pynndescent"}
    RESULT.write_text(json.dumps(found, indent=1) + "\n")
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
