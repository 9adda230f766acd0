"""Memory and time of reducing 1,000,000 training samples x 100 queries to the top-k per query: ``python benchmarks/topk.py``.

The shards hold random scores and are written as a score run plans them; what is measured is the reduction of a real run: reading them,
most helpful and most harmful per query, the same per training sample, moments and histograms, and the tables on disk. Sizes 1x, 4x and
16x in one process, after a small one that pays for imports. Writes benchmarks/results/topk.json; needs 1 GB of disk.
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

from attribution.estimators.base import Query
from attribution.evaluation.memory import PeakMemory
from attribution.scoring.plan import Shard, place, plan
from attribution.scoring.tables import K_REVERSE, write_tables
from attribution.scoring.work import write_shard

RESULT = Path(__file__).parent / "results" / "topk.json"
QUERIES, K = 100, 24


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
        with PeakMemory() as memory:
            write_tables(folder, SimpleNamespace(rows=rows), asked, shards, K)  # type: ignore[arg-type]
        return {
            "processor_s": time.process_time() - processor_s,
            "wall_s": time.perf_counter() - wall_s,
            "growth_mib": memory.mib,
            "shards": len(shards),
            "shard_bytes": sum(path.stat().st_size for path in (folder / "shards").iterdir()),
            "table_bytes": sum(path.stat().st_size for path in folder.glob("*.parquet")),
            "equals_sorting": all(right(folder, shards, column) for column in (0, QUERIES - 1)),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1_000_000)
    n = parser.parse_args().n
    measured(2_000)
    found = {"queries": QUERIES, "k": K, "k_reverse": K_REVERSE, "sizes": {str(n // times): measured(n // times) for times in (16, 4, 1)}}
    RESULT.write_text(json.dumps(found, indent=1) + "\n")
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
