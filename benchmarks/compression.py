"""What compressing per-sample gradients saves and what it loses: ``python benchmarks/compression.py [--seeds 5]
[--works MLP CNN]``.

The exact dot products of every training sample with 100 queries beside those of compressed gradients, for several
sizes: a random projection (Johnson-Lindenstrauss), random directions side by side (as LoGra), the leading directions
that ``logra`` takes, a mask with a sparse projection (GraSS), and a mask alone. Spearman is over all pairs; found is
the share of a query's 24 most helpful and 24 most harmful samples by exact dots that are among the 24 by compressed
ones. Both once with float32 vectors and once with the training set's rounded to bf16 as the store keeps them. Cost is
CPU time in plain forward passes over the training set, one thread, same process: making the store (with writing it),
and answering 100 new queries from it (their own gradients, reading the store, top 24). Intervals: 95 %, t over seeds.
Writes benchmarks/results/compression.json.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peer_work import BATCH, QUERIES, WORKS, Work
from scipy import stats
from torch import Tensor

from attribution.estimators import estimators
from attribution.gradients.compress import Compression, Factored, Masked, Projected
from attribution.gradients.engine import GradientEngine
from attribution.gradients.store import GradientStore
from attribution.statistics.intervals import seed_spread
from attribution.studies.influence.reduce import Extremes, leading

RESULT = Path(__file__).parent / "results" / "compression.json"
LEADING = "leading directions by side"
DIMS, RANKS, K = (64, 256, 1024, 4096), (4, 8, 16, 32), 24
MOST = 2000  # training samples that are compressed; the model has seen all of them
KINDS: dict[str, Callable[[int, int], Compression]] = {
    "projection": Projected,
    "random directions by side": Factored,
    "mask of 16 entries a number, projected": lambda dim, seed: Masked(dim, seed, 16),
    "mask of 64 entries a number, projected": lambda dim, seed: Masked(dim, seed, 64),
    "mask alone": lambda dim, seed: Masked(dim, seed, 1),
}
Features = Callable[[Tensor, Tensor], Tensor]


def processor_s(call: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of a call, and what it returns."""
    began = time.process_time()
    found = call()
    return time.process_time() - began, found


def agreement(found: np.ndarray, exact: np.ndarray) -> dict[str, float]:
    """How much of the order of the exact dots (n, q) is left."""
    shares = []
    for sign in (1, -1):
        kept, wanted = (leading(-sign * each.T, K) for each in (found, exact))
        shares += [len(np.intersect1d(one, other)) / K for one, other in zip(kept, wanted, strict=True)]
    return {"spearman": float(stats.spearmanr(found.ravel(), exact.ravel()).statistic), "found": float(np.mean(shares))}


def one(work: Work, features: Features, width: int, exact: np.ndarray) -> dict[str, Any]:
    """Agreement and cost of one compression of one draw."""
    forward_s = statistics.median(processor_s(work.forward)[0] for _ in range(3))
    rows, full = np.arange(work.n), []

    def make(rows: np.ndarray) -> Tensor:
        pieces = [
            features(work.x[rows[s : s + BATCH]], work.y[rows[s : s + BATCH]]) for s in range(0, len(rows), BATCH)
        ]
        full.append(torch.cat(pieces))
        return full[-1]

    def answer() -> Tensor:
        asked, best = features(*work.asked).float(), Extremes(QUERIES, K)  # (q, k)
        for block, vectors in store.blocks(4096):
            best.update((asked @ vectors.T).numpy(), block)
        return asked

    with tempfile.TemporaryDirectory() as folder:
        store = GradientStore(Path(folder), {}, rows, width, make)
        features(work.x[:BATCH], work.y[:BATCH])  # the map is drawn, the layers are probed
        making_s, _ = processor_s(lambda: [None for _ in store.blocks(BATCH * 16)])
        answering_s, asked = processor_s(answer)
        rounded = store.vectors(rows)
        stored = sum(path.stat().st_size for path in store.folder.iterdir()) / work.n
    found = {"float32": torch.cat(full).float() @ asked.T, "bf16": rounded @ asked.T}
    return {
        **{name: agreement(dots.numpy(), exact) for name, dots in found.items()},
        "making": making_s / forward_s,
        "answering": answering_s / forward_s,
        "stored_bytes": stored,
    }


def interval(values: list[float]) -> dict[str, float]:
    """Mean with a 95 % t interval over seeds; one seed has none."""
    found = seed_spread(np.array(values))
    return (
        {"mean": found.estimate} if len(values) < 2 else {"mean": found.estimate, "low": found.low, "high": found.high}
    )


def summary(draws: list[dict[str, Any]], numbers: int) -> dict[str, Any]:
    """One line of the table: intervals of the agreements, medians of the costs."""
    line: dict[str, Any] = {
        "numbers": numbers,
        "float32_bytes": 4 * numbers,
        "bf16_bytes": 2 * numbers,
        "draws": len(draws),
    }
    line["stored_bytes"] = round(draws[0]["stored_bytes"], 1)
    for precision in ("float32", "bf16"):
        line[precision] = {key: interval([draw[precision][key] for draw in draws]) for key in ("spearman", "found")}
    return line | {cost: round(statistics.median(draw[cost] for draw in draws), 3) for cost in ("making", "answering")}


def measure(work: Work, seeds: int, chosen: list[str]) -> dict[str, Any]:
    """The chosen kinds at all sizes on one model."""
    engine = GradientEngine(work.model)
    asked = engine.queries(*work.asked)
    exact_s, blocks = processor_s(lambda: [engine.dots(x, y, asked) for x, y in work.batches()])
    exact, forward_s = torch.cat(blocks).numpy(), statistics.median(processor_s(work.forward)[0] for _ in range(5))
    about = {
        "samples": work.n,
        "parameters": work.parameters,
        "full_bytes": 4 * work.parameters,
        "exact": round(exact_s / forward_s, 2),
    }
    kinds: dict[str, Any] = {}
    for name, build in KINDS.items():
        if name not in chosen:
            continue
        kinds[name] = []
        for dim in DIMS:
            draws = []
            for seed in range(seeds):
                compression = build(dim, seed)
                fresh = GradientEngine(work.model)  # maps of other draws are not kept
                draws.append(one(work, lambda x, y, e=fresh, c=compression: e.compress(x, y, c), dim, exact))
            kinds[name].append(summary(draws, dim))
            say(work, name, kinds[name][-1])
    for rank in RANKS if LEADING in chosen else ():
        logra = estimators.get("logra")(work.trained())
        logra.rank = rank
        width = sum(projection.size for projection in logra.projections.values())
        kinds.setdefault(LEADING, []).append(summary([one(work, logra.features, width, exact)], width) | {"rank": rank})
        say(work, LEADING, kinds[LEADING][-1])
    return {"about": about, "kinds": kinds}


def say(work: Work, name: str, line: dict[str, Any]) -> None:
    means = [line[precision]["spearman"]["mean"] for precision in ("float32", "bf16")]
    words = (
        f"{work.name:4} {name:40} {line['numbers']:5}  Spearman {means[0]:.4f} / {means[1]:.4f}  found "
        f"{line['bf16']['found']['mean']:.3f}"
    )
    sys.stdout.write(f"{words}  making {line['making']:.2f}  answering {line['answering']:.3f}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--works", nargs="*", default=["MLP", "CNN"])
    parser.add_argument(
        "--kinds", nargs="*", default=[*KINDS, LEADING], help="Measure these again; the others keep their figures."
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    for name in options.works:
        work = WORKS[name]()
        measured = measure(replace(work, x=work.x[:MOST], y=work.y[:MOST]), options.seeds, options.kinds)
        together = found.get(name, {"kinds": {}})["kinds"] | measured["kinds"]
        found[name] = {
            "about": measured["about"],
            "kinds": {kind: together[kind] for kind in [*KINDS, LEADING] if kind in together},
        }
        RESULT.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
