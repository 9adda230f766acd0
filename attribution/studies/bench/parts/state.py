"""What the parts of a bench share: the question, the place of the results, and the scores once they are made."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.errors import UserError
from attribution.settings.configs import BenchConfig, ModelConfig, TrainConfig
from attribution.storage.files import read_json
from attribution.storage.tables import write_table
from attribution.studies.bench.result import BenchResult
from attribution.training.run import Run

if TYPE_CHECKING:
    import pandas as pd

    from attribution.datasets.dataset import Dataset, Labels
    from attribution.training.trained import TrainedModel


@dataclass
class Bench:
    """One bench at work: the question, where things are kept, and the scores once they are made."""

    dataset: "Dataset"
    labels: "Labels"
    run: Run
    model: ModelConfig
    recipe: TrainConfig
    config: BenchConfig
    queries: np.ndarray
    home: Path
    result: BenchResult
    trusted: bool

    def __post_init__(self) -> None:
        self.rows = self.labels.train_rows(self.dataset)
        self.asked = self.labels.values[self.queries]
        path = self.result.folder / "bench.json"
        empty: dict[str, Any] = {"done": [], "skipped": {}, "notes": [], "recommendation": []}
        self.told: dict[str, Any] = read_json(path) if path.is_file() else empty
        self.matrices: dict[str, np.ndarray] = {}

    def trained(self, labels: "Labels", run: Run) -> "TrainedModel":
        from attribution.training.trained import TrainedModel

        return TrainedModel(self.dataset, labels, run, device=self.config.device, trusted=self.trusted)

    def write(self, name: str, table: "pd.DataFrame") -> None:
        write_table(self.result.folder / f"{name}.parquet", table)

    def skip(self, name: str, problem: UserError) -> None:
        self.told["skipped"][name] = str(problem)

    @property
    def usable(self) -> list[str]:
        """The estimators that gave scores."""
        return [name for name in self.result.estimators if name in self.matrices]
