"""Computes one shard of a score run at a time, wherever it is asked to: the picklable piece of work that runners carry
around."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.estimators import estimators
from attribution.estimators._asked import check_layers, check_measure
from attribution.estimators.base import Estimator, Query
from attribution.models.user_code import said
from attribution.runners.base import Report
from attribution.settings.configs import ScoreConfig
from attribution.settings.options import own
from attribution.storage.files import whole_file
from attribution.studies.influence.plan import Shard, is_valid, place

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset, Labels
    from attribution.training.train import Run
    from attribution.training.trained import TrainedModel

HALVED = "batch_after_memory_ran_out"  # the note of a shard whose batches had to be cut


@dataclass
class ShardWork:
    """What a worker needs to compute any shard of one score run (``runners.base.Work``; its items are ``Shard``).

    A worker process is sent the labels and where data and run lie; it opens both itself. Shard files carry ``key`` in
    their header.
    """

    dataset: "Dataset"
    labels: "Labels"
    run: "Run"
    config: ScoreConfig
    queries: Sequence[Query]
    folder: Path
    key: str
    trusted: bool = False
    _kept: Estimator | None = field(default=None, init=False, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": None}  # a worker makes its own

    @property
    def device(self) -> str:
        """Where the scores are computed, as the settings say."""
        return self.config.device

    def trained(self) -> "TrainedModel":
        """The run and data, ready to be asked."""
        from attribution.training.trained import TrainedModel

        return TrainedModel(
            self.dataset,
            self.labels,
            self.run,
            device=self.config.device,
            batch_size=self.config.batch_size,
            budget_bytes=self.config.memory_mb << 20,
            trusted=self.trusted,
            asking=self.config.options,
            autocast=self.config.autocast,
            layers=self.config.layers,
        )

    def kept(self) -> Estimator:
        """The estimator of this process, made once: what it worked out of the training set serves plan, shards and
        tables."""
        if self._kept is None:
            self._kept = self.estimator()
        return self._kept

    def estimator(self) -> Estimator:
        """A fresh estimator with this run's settings."""
        kind = estimators.get(self.config.estimator)
        made: Estimator = kind(self.trained(), self.config.seed, own(kind.Settings, self.config.options))
        check_measure(made, self.config.measure)
        check_layers(made, self.config.layers)
        return made

    @said("its gradients were taken")
    def open(self, report: Report) -> Callable[[Shard], None]:
        """Load model and data; the result computes a shard. Queries of a block are prepared once while its shards come
        in a row.

        What an estimator works out of the training set before its first score (curvature, solves, projections) is
        reported by the passes it took so far, batch by batch, and can be ended at each.
        """
        estimator = self.kept()
        prepared = (-1, -1)
        passes = Passes(estimator.trained, report)

        @said("its gradients were taken")  # here, since a worker's error travels without its lines
        def do(shard: Shard) -> None:
            nonlocal prepared
            if self.done(shard):
                return
            started_s = time.perf_counter()
            spent = estimator.trained.spent
            if prepared != (shard.first, shard.last):
                prepared = (-1, -1)
                with passes:
                    estimator.prepare(list(self.queries[shard.first : shard.last]))
                prepared = (shard.first, shard.last)
            with passes:
                tensors, smallest = score_rows(estimator, estimator.trained.rows[shard.start : shard.stop], passes.at)
            header = {
                "fingerprint": self.key,
                "place": place(shard),
                "seconds_s": repr(time.perf_counter() - started_s),
                "spent": repr(estimator.trained.spent - spent),
                "notes": json.dumps(estimator.notes() | ({HALVED: smallest} if smallest else {}), default=str),
            }
            write_shard(self.folder / shard.name, tensors, header)

        return do

    def done(self, shard: Shard) -> bool:
        """Whether the shard's file is there and whole."""
        return is_valid(self.folder, shard, self.key)

    def size(self, shard: Shard) -> float:
        """Pairs that the shard holds."""
        return float((shard.stop - shard.start) * (shard.last - shard.first))

    def words(self, shard: Shard) -> str:
        """How far the run is after this shard."""
        block = (
            f", queries {shard.first + 1:,} to {shard.last:,}" if shard.last - shard.first < len(self.queries) else ""
        )
        return f"training samples to {shard.stop:,}{block}"


class Passes:
    """Reports an estimator's work while it is entered: the share done where that is known, and the passes over the
    training set."""

    def __init__(self, trained: "TrainedModel", report: Report) -> None:
        self._trained = trained
        self._report = report
        self._share = 0.0
        self._from = 0.0
        self._before = trained.heard

    def __enter__(self) -> None:
        self._share = 0.0
        self._from = self._trained.spent
        self._trained.heard = self._heard

    def __exit__(self, *how: object) -> None:
        self._trained.heard = self._before

    def at(self, share: float) -> None:
        """Report that this share of the shard is scored."""
        self._share = share
        self._report(share)

    def _heard(self) -> None:
        passes = (self._trained.spent - self._from) / max(1, len(self._trained.rows))
        self._report(
            self._share, "" if self._share else f"getting ready, {passes:.1f} passes over the training set so far"
        )


def score_rows(
    estimator: Estimator, rows: np.ndarray, report: Callable[[float], None]
) -> tuple[dict[str, np.ndarray], int]:
    """The tensors of a shard, and the batch size that memory forced (0: none).

    When memory runs out the batch is halved and done again, down to single samples; a score does not depend on the
    batch it is in.
    """
    import torch

    influence = []
    cosine = []
    batch = estimator.trained.batch_size
    smallest = 0
    start = 0
    while start < len(rows):
        report(start / len(rows))
        try:
            block = estimator.score(rows[start : start + batch])
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not out_of_memory(error) or batch == 1:
                raise
            batch = smallest = max(1, min(batch, len(rows) - start) // 2)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            continue
        influence.append(block.influence.float().numpy())
        if block.cosine is not None:
            cosine.append(block.cosine.float().numpy())
        start += batch
    tensors = {"rows": rows, "influence": np.concatenate(influence)}
    if cosine:
        tensors["cosine"] = np.concatenate(cosine)
    return tensors, smallest


def out_of_memory(error: BaseException) -> bool:
    """Whether this is the accelerator's or the system's word for no memory left."""
    import torch

    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


def write_shard(path: Path, tensors: dict[str, np.ndarray], header: dict[str, str]) -> None:
    """Write a shard file, whole or not at all; ``UserError`` when the disk is full."""
    from safetensors.numpy import save_file

    with whole_file(path) as temporary:
        # A transposed array would be written in the order of its memory, and read as another.
        save_file({name: np.ascontiguousarray(values) for name, values in tensors.items()}, temporary, metadata=header)
