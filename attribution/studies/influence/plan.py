"""Which samples are asked about, and how the influence matrix is cut into shard files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attribution.errors import UserError
from attribution.estimators.base import Query
from attribution.settings.configs import ScoreConfig

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset

MEMORY_MB = ScoreConfig.memory_mb  # what is usual
QUERY_BUDGET_BYTES = MEMORY_MB << 20  # memory for the prepared queries of one block, at the usual setting
SHARD_BYTES = (256 << 10, 64 << 20)  # smallest and largest shard; in between, about 64 shards a run


def query_block(n_queries: int, query_bytes: int, memory_mb: int = MEMORY_MB) -> int:
    """How many queries are prepared at once: as many as fit ``memory_mb``, at least one."""
    return max(1, min(n_queries, QUERY_BUDGET_BYTES * memory_mb // MEMORY_MB // max(1, query_bytes)))


@dataclass(frozen=True)
class Shard:
    """One file: training positions ``start:stop`` against query columns ``first:last``."""

    index: int
    start: int
    stop: int
    first: int
    last: int

    @property
    def name(self) -> str:
        return f"part-{self.index:05d}.safetensors"


def plan(n_train: int, n_queries: int, query_bytes: int, memory_mb: int = MEMORY_MB) -> list[Shard]:
    """Cut the matrix into shards, query blocks outside, training rows inside.

    A block holds as many queries as fit the memory for prepared queries; a shard has a size in bytes that grows with
    the run. The plan depends on request and memory alone, so a resumed run on any machine finds the same shards.
    """
    block = query_block(n_queries, query_bytes, memory_mb)
    target = min(SHARD_BYTES[1], max(SHARD_BYTES[0], n_train * n_queries * 4 // 64))
    shards: list[Shard] = []
    for first in range(0, n_queries, block):
        last = min(first + block, n_queries)
        height = max(1, target // (4 * (last - first)))
        for start in range(0, n_train, height):
            shards.append(Shard(len(shards), start, min(start + height, n_train), first, last))
    return shards


def columns(dataset: "Dataset", rows: Sequence[int] | np.ndarray, group: bool, measure: str = "loss") -> list[Query]:
    """The columns that ask about these global rows: one each, or one for all of them; a row that is named twice counts
    once.

    Raises ``UserError`` when nothing is asked or a row does not exist.
    """
    chosen = list(dict.fromkeys(int(row) for row in rows))
    if not chosen:
        raise UserError("No sample is asked about.", "There is nothing to explain.", "Choose at least one sample.")
    bad = [row for row in chosen if not 0 <= row < dataset.end]
    if bad:
        raise UserError(
            f"There is no row {bad[0]}.", f"The project has {len(dataset)} samples.", "Ask about rows that exist."
        )
    names = [str(name) for name in dataset.ids[chosen]]
    if group and len(chosen) > 1:
        return [Query(f"{names[0]} and {len(chosen) - 1} more", tuple(chosen), measure)]
    return [Query(name, (row,), measure) for name, row in zip(names, chosen, strict=True)]


def shard_header(path: Path) -> dict[str, str]:
    """The text metadata of a shard file; empty for a file that is missing or no shard."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        return {}
    try:
        with safe_open(path, framework="np") as stream:
            return dict(stream.metadata() or {})
    except SafetensorError:  # cut short by a full disk or a foreign file of that name: computed again
        return {}


def is_valid(folder: Path, shard: Shard, fingerprint: str) -> bool:
    """Whether the shard's file exists and was made by exactly this request and plan."""
    header = shard_header(folder / shard.name)
    return header.get("fingerprint") == fingerprint and header.get("place") == place(shard)


def place(shard: Shard) -> str:
    """The shard's corner positions as they stand in its header."""
    return f"{shard.start}:{shard.stop}x{shard.first}:{shard.last}"
