"""What the parts of a bench share: the question, the place of the results, and the scores once they are made."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.dataset import Labels
from attribution.errors import UserError
from attribution.progress import Progress
from attribution.settings.configs import ScoreConfig
from attribution.storage.files import read_json
from attribution.storage.tables import write_table
from attribution.studies.base import Context
from attribution.studies.bench.result import BenchResult
from attribution.studies.bench.study import BenchConfig
from attribution.studies.influence.result import ScoreResult
from attribution.studies.influence.study import Influence
from attribution.training.run import Run

if TYPE_CHECKING:
    import pandas as pd

    from attribution.training.trained import TrainedModel


@dataclass
class Bench:
    """One bench at work: the question, where things are kept, and the scores once they are made."""

    context: Context
    config: BenchConfig
    queries: np.ndarray
    result: BenchResult

    def __post_init__(self) -> None:
        self.dataset = self.context.dataset
        self.labels = self.context.labels
        self.run = self.context.asked
        self.recipe = replace(self.context.likely_recipe, start="seed")  # loaded weights have seen every sample
        self.model = self.context.network(self.recipe)
        self.home = self.context.folder
        self.trusted = self.context.trusted
        self.rows = self.labels.train_rows(self.dataset)
        self.asked = self.labels.values[self.queries]
        path = self.result.folder / "bench.json"
        empty: dict[str, Any] = {"done": [], "skipped": {}, "notes": []}
        self.told: dict[str, Any] = read_json(path) if path.is_file() else empty
        self.matrices: dict[str, np.ndarray] = {}

    def trained(self, labels: "Labels", run: Run) -> "TrainedModel":
        from attribution.training.trained import TrainedModel

        return TrainedModel(self.dataset, labels, run, device=self.config.device, trusted=self.trusted)

    def score(self, run: Run, config: ScoreConfig, place: Path, work: Progress) -> ScoreResult:
        """The influences on the bench's queries, asked of a run; kept below ``place``."""
        asked = replace(self.context, folder=place, run=run, rows=lambda words, run: self.queries)
        found: ScoreResult = Influence().make(asked, config, work)
        return found

    def write(self, name: str, table: "pd.DataFrame") -> None:
        write_table(self.result.folder / f"{name}.parquet", table)

    def skip(self, name: str, problem: UserError) -> None:
        self.told["skipped"][name] = str(problem)

    @property
    def usable(self) -> list[str]:
        """The estimators that gave scores."""
        return [name for name in self.result.estimators if name in self.matrices]
