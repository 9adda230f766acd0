"""A project's folder: its settings, the data as imported, and the code that may run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.errors import UserError
from attribution.project.home import code_files
from attribution.settings.configs import DataConfig, ModelConfig, TrainConfig, from_dict, stored_model, to_dict
from attribution.storage import database
from attribution.storage.files import read_json, write_json
from attribution.trust import Look, look, trust

if TYPE_CHECKING:
    import pandas as pd

    from attribution.datasets.dataset import Dataset, DatasetInfo


@lru_cache(maxsize=8)
def _dataset(folder: Path, changed_ns: int) -> "Dataset":
    from attribution.datasets.dataset import Dataset

    return Dataset.open(folder)


class About:
    """What a project is; the other parts of ``Project`` ask it."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        self.database = folder / "project.db"
        self._settings = settings

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def model_config(self) -> ModelConfig:
        """The network that this project trains."""
        with self._named("model"):
            return stored_model(self._settings["model"])

    @property
    def train_config(self) -> TrainConfig:
        """The project's own training recipe. What answers for a model that was trained otherwise takes that model's
        (``recipe_for``)."""
        with self._named("train"):
            return from_dict(TrainConfig, self._settings["train"])

    @property
    def data_config(self) -> DataConfig:
        """Where the data came from."""
        with self._named("data"):
            data = from_dict(DataConfig, self._settings["data"])
        inside = data.path and not os.path.isabs(data.path)  # data that came as an object lie in the project
        return replace(data, path=str(self.folder / data.path)) if inside else data

    @contextmanager
    def _named(self, part: str) -> Iterator[None]:
        """What is wrong with a setting says which file holds it."""
        try:
            yield
        except UserError as error:
            place = f"{self.folder / 'project.json'}, {part!r}"
            raise UserError(
                f"{place}: {error.what}", error.why, f"{error.do} Or put a copy of the file in its place."
            ) from error

    @property
    def code(self) -> Look | None:
        """The code file to be asked about, with what it imports, beside what this user trusted of it: the first of
        ``codes`` that is not trusted, else the first; None where model and task are built in."""
        codes = self.codes
        return next((one for one in codes if not one.trusted), codes[0] if codes else None)

    @property
    def codes(self) -> list[Look]:
        """The user's own files that run here: the model's and the task's."""
        return [look(path) for path in code_files(self.model_config, self.data_config)]

    @property
    def trusted(self) -> bool:
        """Whether this user trusts all of that code as it is now. The project's folder has no say in it."""
        codes = self.codes
        return bool(codes) and all(one.trusted for one in codes)

    def trust_code(self) -> Look:
        """Trust the files of ``codes``, and every local module that they import, as they are now; the first."""
        codes = self.codes
        if not codes:
            raise UserError("This project's model and task are built in.", "There is no code file to trust.")
        for one in codes:
            trust(one.path)
        return look(codes[0].path)

    @property
    def dataset(self) -> "Dataset":
        """The samples, as imported."""
        described = self.folder / "data" / "dataset.json"
        return _dataset(self.folder / "data", described.stat().st_mtime_ns if described.exists() else 0)

    @property
    def info(self) -> "DatasetInfo":
        """Name, modality, classes, shapes and counts of the data."""
        return self.dataset.info

    @property
    def first_look(self) -> dict[str, Any]:
        """What the network said when the project was made: ``weights`` (given, builder or untrained), ``parameters``
        (count), ``samples``, ten of ``{row, id, label, prediction, confidence, loss}`` (nats), ``said`` (lines about
        what was taken), and for weights that are there ``measured`` (``attribution.models.fit.Fit``) and ``warning``
        (what, why, do; empty where they do as expected). Empty for a project made before this was kept."""
        path = self.folder / "first_look.json"
        return read_json(path) if path.exists() else {}

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names by index."""
        return self.info.classes

    @property
    def samples(self) -> "pd.DataFrame":
        """One line per sample, in row order (``Dataset.samples``)."""
        return self.dataset.samples

    def save_recipe(self, config: TrainConfig) -> None:
        """Make ``config`` the project's own recipe: what its next training takes when nothing else is asked for."""
        self._settings["train"] = to_dict(config)
        write_json(self.folder / "project.json", self._settings)

    def setting(self, name: str) -> str:
        """What is remembered under a name; "" for nothing."""
        with database.connect(self.database) as db:
            row = db.execute("SELECT value FROM settings WHERE name=?", (name,)).fetchone()
        return row["value"] if row else ""

    def remember(self, name: str, value: str) -> None:
        """Remember a value under a name."""
        with database.write(self.database) as db:
            db.execute(
                "INSERT INTO settings VALUES (?,?) ON CONFLICT(name) DO UPDATE SET value=excluded.value", (name, value)
            )
