"""Memory and time of reducing 1,000,000 training samples x 100 queries to the top-k per query: ``python
benchmarks/topk.py``.

The shards hold random scores and are written as a score run plans them; what is measured is the reduction of a real
run: reading them, most helpful and most harmful per query, the same per training sample, moments and histograms, and
the tables on disk. Sizes 1x, 4x and 16x in one process, after a small one that pays for imports. Beside it the same
question answered from a store of compressed gradients (random vectors of 256 numbers in bf16), which writes nothing,
and a whole score run of ``ip`` on a small MLP. Writes benchmarks/results/topk.json; needs 1 GB of disk.
"""

import argparse
import gc
import json
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import torch

from attribution.datasets.dataset import Dataset, DatasetInfo
from attribution.estimators.base import Query, ScoreBlock
from attribution.gradients.store import GradientStore
from attribution.settings.configs import ModelConfig, ScoreConfig, TrainConfig
from attribution.studies.base import Context
from attribution.studies.influence.plan import Shard, place, plan
from attribution.studies.influence.strongest import strongest
from attribution.studies.influence.study import Influence
from attribution.studies.influence.tables import K_REVERSE, write_tables
from attribution.studies.influence.work import write_shard
from attribution.studies.meter import Meter
from attribution.training.train import train

RESULT = Path(__file__).parent / "results" / "topk.json"
QUERIES, K, WIDTH = 100, 24, 256


def write_shards(folder: Path, rows: np.ndarray) -> list[Shard]:
    """Random influence of the rows on the queries, with cosines, cut as a score run would."""
    shards = plan(len(rows), QUERIES, 400_000)
    for shard in shards:
        values = np.random.default_rng(shard.index).normal(size=(shard.stop - shard.start, QUERIES)).astype(np.float32)
        tensors = {"rows": rows[shard.start : shard.stop], "influence": values, "cosine": values / 10}
        write_shard(folder / "shards" / shard.name, tensors, {"fingerprint": "", "place": place(shard)})
    return shards


def right(folder: Path, shards: list[Shard], column: int) -> bool:
    """Whether the summary of one query equals sorting its whole column."""
    from safetensors.numpy import load_file

    values = np.concatenate([load_file(folder / "shards" / shard.name)["influence"][:, column] for shard in shards])
    table = pd.read_parquet(folder / "summary.parquet")
    kept = table[table["query"] == column]
    order = np.argsort(-values, kind="stable")
    both = [*order[:K].tolist(), *order[::-1][:K].tolist()]
    return kept.sort_values(["side", "rank"], ascending=[False, True])["row"].tolist() == both


def measured(n: int) -> dict[str, Any]:
    """One reduction of n training rows."""
    with tempfile.TemporaryDirectory() as name:
        folder, rows = Path(name), np.arange(n)
        shards = write_shards(folder, rows)
        asked: list[Any] = [Query(str(column), (n + column,)) for column in range(QUERIES)]
        gc.collect()
        processor_s, wall_s = time.process_time(), time.perf_counter()
        with Meter() as memory:
            write_tables(folder, SimpleNamespace(rows=rows), asked, shards, K)  # type: ignore[arg-type]
        return {
            "processor_s": time.process_time() - processor_s,
            "wall_s": time.perf_counter() - wall_s,
            "growth_mib": memory.rise_bytes / 2**20,
            "shards": len(shards),
            "shard_bytes": sum(path.stat().st_size for path in (folder / "shards").iterdir()),
            "table_bytes": sum(path.stat().st_size for path in folder.glob("*.parquet")),
            "equals_sorting": all(right(folder, shards, column) for column in (0, QUERIES - 1)),
        }


class Stored:
    """An estimator whose compressed gradients are on disk: random vectors, and queries that are random too."""

    store = True

    def __init__(self, folder: Path, n: int) -> None:
        self.trained = SimpleNamespace(rows=np.arange(n), batch_size=128)
        self.stored = GradientStore(folder, {}, self.trained.rows, WIDTH, self.drawn)

    def drawn(self, rows: np.ndarray) -> torch.Tensor:
        return torch.randn(len(rows), WIDTH, generator=torch.Generator().manual_seed(int(rows[0])))

    def prepare(self, queries: list[Query]) -> None:
        self.solved = torch.randn(WIDTH, len(queries), generator=torch.Generator().manual_seed(0))

    def score(self, rows: np.ndarray) -> ScoreBlock:
        return ScoreBlock(self.stored.vectors(rows) @ self.solved)


def served(n: int) -> dict[str, Any]:
    """The strongest of n training rows for all queries, from a store that is on disk."""
    with tempfile.TemporaryDirectory() as name:
        estimator: Any = Stored(Path(name), n)
        for start in range(0, n, estimator.stored.height):
            estimator.stored.vectors(estimator.trained.rows[start : start + 1])
        asked = [Query(str(column), (n + column,)) for column in range(QUERIES)]
        gc.collect()
        processor_s, wall_s = time.process_time(), time.perf_counter()
        with Meter() as memory:
            strongest(estimator, asked, K)
        return {
            "processor_s": time.process_time() - processor_s,
            "wall_s": time.perf_counter() - wall_s,
            "growth_mib": memory.rise_bytes / 2**20,
            "store_bytes": sum(path.stat().st_size for path in estimator.stored.folder.iterdir()),
        }


def whole(n: int) -> dict[str, Any]:
    """A score run of ``ip`` from the model to the tables: n rows of 16 numbers in four clouds, a small MLP trained for
    one epoch."""
    chance, total = np.random.default_rng(0), n + 100 + QUERIES
    labels = chance.integers(0, 4, total)
    inputs = (chance.normal(size=(4, 16))[labels] + chance.normal(size=(total, 16))).astype(np.float32)
    ids = [f"sample {row}" for row in range(total)]
    splits = ["train"] * n + ["val"] * 100 + ["test"] * QUERIES
    samples = pd.DataFrame({"id": ids, "split": splits, "label": labels, "source": ids, "hash": ids})
    info = DatasetInfo("clouds", "tabular", tuple("abcd"), (16,), {}, "", preprocessing={"columns": []})
    recipe = TrainConfig(epochs=1, batch_size=1024, lr=0.05, checkpoints=1, device="cpu")
    config = ScoreConfig(estimator="ip", device="cpu", batch_size=1024, k=K)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dataset = Dataset.write(folder / "data", info, samples, inputs)
        base = dataset.base_version()
        run = train(dataset, base, ModelConfig(name="mlp", width=32), recipe, folder / "runs", dynamics=False)
        del samples, inputs
        gc.collect()
        processor_s, wall_s = time.process_time(), time.perf_counter()
        with Meter() as memory:
            asked = Context(folder, dataset, base, run, rows=lambda words, run: dataset.rows("test"))
            result = Influence().make(asked, config)
        return {
            "processor_s": time.process_time() - processor_s,
            "wall_s": time.perf_counter() - wall_s,
            "growth_mib": memory.rise_bytes / 2**20,
            "kept_bytes": sum(path.stat().st_size for path in result.folder.rglob("*") if path.is_file()),
            "dense": result.dense,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1_000_000)
    n = parser.parse_args().n
    torch.set_num_threads(1)
    measured(2_000)
    served(2_000)
    whole(2_000)
    found: dict[str, Any] = {"queries": QUERIES, "k": K, "k_reverse": K_REVERSE, "width": WIDTH}
    found["sizes"] = {str(n // times): measured(n // times) for times in (16, 4, 1)}
    found["served"] = {str(n // times): served(n // times) for times in (16, 4, 1)}
    found["whole"] = {str(n // times): whole(n // times) for times in (16, 4, 1)}
    RESULT.write_text(json.dumps(found, indent=1) + "\n")
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
