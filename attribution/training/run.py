"""A finished training as a folder: its weights, its numbers, and what they were made from. Reading it needs no
torch."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from attribution.datasets.dataset import Dataset
from attribution.errors import UserError
from attribution.progress import Progress
from attribution.settings.configs import (
    ModelConfig,
    TrainConfig,
    but_seed,
    from_dict,
    model_request,
    stored_model,
)
from attribution.storage.drawn import Drawn
from attribution.storage.files import file_hash, read_array, read_json
from attribution.storage.sums import checked, sound
from attribution.storage.tables import read_table
from attribution.training.dynamics import BATCHES, OF_KIND, STEPS

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn


GIVEN = "given"  # as a run's source: predictions alone


@dataclass(frozen=True)
class Run(Drawn):
    """One trained (or loaded) model in its folder ``NAME/runs/RUN``; ``Run.open`` reads it."""

    drawn_by: ClassVar[str] = "training"

    folder: Path
    config: dict[str, Any] = field(compare=False, repr=False)

    @staticmethod
    def open(folder: Path) -> "Run":
        """The run in ``folder``; ``UserError`` when it is not there or not finished."""
        folder = Path(folder)
        if not (folder / "config.json").is_file():
            raise UserError(
                f"There is no finished training in {folder}.", "Its config.json is missing.", "Train again; it resumes."
            )
        return Run(folder, read_json(folder / "config.json"))

    @staticmethod
    def all(folder: Path) -> "list[Run]":
        """The finished runs in a ``runs`` folder, the one finished first in front."""
        found = [Run.open(path.parent) for path in Path(folder).glob("*/config.json") if sound(path)]
        return sorted(found, key=lambda run: (run.config.get("finished_at", 0.0), run.id))

    @property
    def id(self) -> str:
        """Name of the folder: the fingerprint of everything that determines the result."""
        return self.folder.name

    @property
    def version(self) -> str:
        """Version of the labels it was trained on (for loaded weights: that were current then)."""
        return self.config["version"]

    @property
    def model_config(self) -> ModelConfig:
        """Which network."""
        return stored_model(self.config["model"])

    @property
    def train_config(self) -> TrainConfig:
        """The recipe; the default one for weights that were loaded."""
        return from_dict(TrainConfig, self.config["train"] or {})

    @property
    def loaded(self) -> bool:
        """Whether it was trained elsewhere: its weights were loaded, or its predictions given."""
        return self.config.get("source") in ("loaded", GIVEN)

    @property
    def given(self) -> bool:
        """Whether it is predictions alone, without weights that could be asked."""
        return self.config.get("source") == GIVEN

    @property
    def weights(self) -> str:
        """The content of the last checkpoint, for keys; of the predictions where these are all there is."""
        return str(self.config["weights"]) if self.given else file_hash(self.checkpoints[-1][0])

    def no_weights(self) -> UserError:
        """The refusal to ask a model of which there are predictions alone."""
        return UserError(
            f"Run {self.id} is predictions alone; its model is not here.",
            "Gradients, and answers to other inputs, take the model itself.",
            "Load its weights (project.add_run, `datablame add-run FILES`), or train here (`datablame train --here`). "
            "The queue, leaks, neighbours and the map need no model.",
        )

    @property
    def checkpoints(self) -> list[tuple[Path, float]]:
        """Weight files, oldest first, each with its factor for TracInCP (see ``models.recipe.influence_weight``)."""
        return [
            (self.folder / "checkpoints" / entry["file"], float(entry["weight"]))
            for entry in self.config["checkpoints"]
        ]

    def model(
        self, index: int = -1, dataset: "Dataset | None" = None, trusted: bool = False, device: str = "cpu"
    ) -> "nn.Module":
        """The network with the weights of checkpoint ``index`` (-1: the last), in eval mode on ``device``.

        ``dataset`` gives input shape and classes; None opens the project's own (``data`` beside ``runs``). Custom model
        code runs only when ``trusted``, and only when its file is the one that was trained.
        """
        from attribution.models.build import build_model, identity
        from attribution.models.checkpoints import load_checkpoint
        from attribution.models.devices import pick_device
        from attribution.models.features import prepare
        from attribution.training.frozen import freeze

        if self.given:
            raise self.no_weights()
        dataset = dataset or Dataset.open(self.folder.parent.parent / "data")
        if identity(self.model_config, dataset.info.modality)["code"] != self.config["code"]:
            raise UserError(
                f"{self.config['model']['name']}{' or its transform' * bool(self.model_config.transform)} has changed "
                f"since run {self.id} was made.",
                "Its weights belong to the earlier code.",
                "Restore that file, or train again.",
            )
        model = build_model(self.model_config, dataset.info, self.config["seed"], trusted=trusted)
        load_checkpoint(model, checked(self.checkpoints[index][0]))
        freeze(model, self.train_config.freeze)
        model.to(pick_device(device))
        prepare(model, dataset, np.arange(0), Progress())
        return model.eval()

    def siblings(self) -> "list[Run]":
        """The other finished runs beside this one with the same labels, network and recipe but another seed, one per
        seed, by seed."""
        found: dict[int, Run] = {}
        for run in Run.all(self.folder.parent):
            if self._but_seed(run) == self._but_seed(self) and run.config["seed"] != self.config["seed"]:
                kept = found.setdefault(int(run.config["seed"]), run)
                if kept.id.endswith("-brief"):  # the same weights; the run with its per-epoch record says more
                    found[int(run.config["seed"])] = run
        return [found[seed] for seed in sorted(found)]

    @staticmethod
    def _but_seed(run: "Run") -> tuple[Any, ...]:
        config = run.config
        recipe = but_seed(run.train_config) if config["train"] else {}
        return config["source"], run.version, model_request(run.model_config), config["code"], recipe

    def dynamics(self) -> "pd.DataFrame":
        """What the model thought of each training sample after each epoch: row, epoch, loss (nats), margin (logits),
        prediction, confidence (probability of the label trained on). Training rows only; empty when the run has
        none."""
        return self._table("dynamics.parquet", OF_KIND[self.task.get("kind", "class")])

    def steps(self) -> "pd.DataFrame":
        """The mean loss of every batch before its step: step (from 1), epoch, loss; empty when the run keeps none."""
        return self._table("steps.parquet", STEPS)

    def batches(self) -> "pd.DataFrame":
        """The rows of every step (step, row), of a recording; empty where the seed tells them (``training.order``)."""
        return self._table("batches.parquet", BATCHES)

    def _table(self, name: str, columns: dict[str, str]) -> "pd.DataFrame":
        import pandas as pd

        path = self.folder / name
        if path.is_file():
            return read_table(path)
        return pd.DataFrame({column: np.zeros(0, dtype=kind) for column, kind in columns.items()})

    def metrics(self) -> "pd.DataFrame":
        """Mean loss (nats) and accuracy (0 to 1) over ``n`` samples per epoch and split; the test split for the last
        epoch only."""

        return read_table(self.folder / "metrics.parquet")

    @property
    def task(self) -> dict[str, Any]:
        """What the data's ``DatasetInfo.task`` was; {} for plain classification."""
        return dict(self.config.get("task", {}))

    def outputs(self) -> np.ndarray:
        """What is kept of the final model's outputs for ALL rows, float32, memory-mapped: class probabilities ``(n,
        c)``,
        else outputs ``(n, ...)`` as the task's loss takes them. ``Task.said_kept`` reads it."""
        return read_array(self.folder / str(self.config.get("kept", "probabilities.npy")), mapped=True)

    def probabilities(self) -> np.ndarray:
        """Class probabilities of the final model for ALL rows, ``(n, c)`` float32, memory-mapped; ``UserError`` where
        the task has none."""
        if self.config.get("kept", "probabilities.npy") != "probabilities.npy":
            raise UserError(
                f"Run {self.id} keeps no class probabilities.",
                f"Its task is {self.task.get('name')}.",
                "Ask run.outputs() for the model's outputs.",
            )
        return self.outputs()

    def representation(self) -> np.ndarray:
        """Penultimate features of the final model for ALL rows, ``(n, d)`` float32, memory-mapped."""
        return read_array(self.folder / "representation.npy", mapped=True)
