"""A project's folder: its settings, the data as imported, and the code that may run."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.errors import UserError
from attribution.settings.configs import DataConfig, ModelConfig, TrainConfig, from_dict, stored_model, to_dict
from attribution.storage import database
from attribution.storage.files import read_json, write_json
from attribution.trust import Look, code_file, look, trust

if TYPE_CHECKING:
    import pandas as pd

    from attribution.datasets.dataset import Dataset, DatasetInfo


@lru_cache(maxsize=8)
def _dataset(folder: Path, changed_ns: int) -> "Dataset":
    from attribution.datasets.dataset import Dataset

    return Dataset.open(folder)


class About:
    """What a project is, and the base of the other parts of ``Project``: they add methods, it alone holds something."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder, self._settings = folder, settings
        self._db = folder / "project.db"

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
            return from_dict(DataConfig, self._settings["data"])

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
        """The model's code file and what it imports, beside what this user trusted of it; None for a built-in
        network."""
        path = code_file(self.model_config.name)
        return look(path) if path else None

    @property
    def trusted(self) -> bool:
        """Whether this user trusts the model's code as it is now. The project's folder has no say in it."""
        code = self.code
        return code is not None and code.trusted

    def trust_code(self) -> Look:
        """Trust the model's code file, and every local module that it imports, as they are now; what was trusted."""
        path = code_file(self.model_config.name)
        if path is None:
            raise UserError("This project's model is built in.", "There is no code file to trust.")
        return trust(path)

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

    def _fresh_model(self) -> ModelConfig:
        """The architecture alone: retraining starts from new weights, never from the user's checkpoints."""
        return from_dict(ModelConfig, {**to_dict(self.model_config), "checkpoints": []})

    def save_recipe(self, config: TrainConfig) -> None:
        """Make ``config`` the project's own recipe: what its next training takes when nothing else is asked for."""
        self._settings["train"] = to_dict(config)
        write_json(self.folder / "project.json", self._settings)

    def _setting(self, name: str) -> str:
        with database.connect(self._db) as db:
            row = db.execute("SELECT value FROM settings WHERE name=?", (name,)).fetchone()
        return row["value"] if row else ""

    def _set(self, name: str, value: str) -> None:
        with database.write(self._db) as db:
            db.execute(
                "INSERT INTO settings VALUES (?,?) ON CONFLICT(name) DO UPDATE SET value=excluded.value", (name, value)
            )
