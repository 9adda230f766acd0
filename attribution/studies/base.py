"""A study: one kind of work with one name. What it asks and how it computes is its own; the rest is written here, once.

    @studies.register("leaks")
    class Leaks(Study[LeakConfig]):
        title, config, result = "Look for leaks and duplicates", LeakConfig, "LeakResult"

``request`` says what the result depends on, ``compute`` makes it; a study that is a folder has both as functions in its
``run.py``, and the class of its results in its ``result.py``, which is read without torch.
"""

import importlib
from abc import ABC
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from attribution.errors import UserError
from attribution.estimators import estimators
from attribution.progress import Progress
from attribution.settings.configs import ModelConfig, TrainConfig, fingerprint
from attribution.storage.artefact import Artefact, finished
from attribution.storage.locks import alone
from attribution.storage.sums import finish
from attribution.studies import studies
from attribution.studies.meter import Meter
from attribution.studies.queries import asked as in_words

if TYPE_CHECKING:
    import numpy as np

    from attribution.datasets.dataset import Dataset, Labels
    from attribution.training.run import Run
    from attribution.training.trained import TrainedModel

Config = TypeVar("Config")


def _nobody(*asked: Any) -> Any:
    raise UserError("No project stands behind this work.", "It is asked for what only a project knows.")


@dataclass(frozen=True)
class Context:
    """What work is about: whose data, which labels, which model, and what trainings may be made for it.

    ``folder`` is the project's; ``model`` and ``own`` are its network and training recipe; ``agreed``: the user said
    that models may be trained here beside weights that were trained elsewhere, and ``elsewhere``: the weights in use
    are such. What costs or can be refused is a function: ``rows`` (what a query means), ``labels_at`` (a data version's
    labels), ``use`` (makes a run the current model), ``right`` (which rows a run predicts right). ``before``: the
    labels that these are compared with, where they are not the usual ones of the study. ``export`` writes a version in
    the user's own layout (the data, and ``labels.csv``); ``fit`` is a function of the user's that trains.
    """

    folder: Path
    dataset: "Dataset"
    labels: "Labels"
    run: "Run | None" = None
    model: ModelConfig = field(default_factory=ModelConfig)
    own: TrainConfig = field(default_factory=TrainConfig)
    trusted: bool = False
    agreed: bool = False
    elsewhere: bool = False
    rows: "Callable[[str, Run | None], np.ndarray]" = _nobody
    labels_at: "Callable[[str], Labels | None]" = _nobody
    use: Callable[[str], None] = _nobody
    right: "Callable[[np.ndarray, Run], np.ndarray]" = _nobody
    before: "Labels | None" = None
    export: "Callable[[Labels, Path], tuple[Path, Path]]" = _nobody
    fit: Callable[..., Any] | None = None

    @property
    def asked(self) -> "Run":
        """The model that is asked; work that ``asks_model`` has one."""
        assert self.run is not None
        return self.run

    def trained(self, device: str = "auto", **settings: Any) -> "TrainedModel":
        """The asked model with the data that it is asked about; imports torch."""
        from attribution.training.trained import TrainedModel

        return TrainedModel(self.dataset, self.labels, self.asked, device=device, trusted=self.trusted, **settings)

    @property
    def weights(self) -> str:
        """The content of the asked model's last checkpoint, for keys."""
        return self.asked.weights

    def network(self, recipe: TrainConfig) -> ModelConfig:
        """The network that trainings by this recipe begin with: alone for new weights, with the loaded ones where it
        starts from those; without any, the training says so."""
        start = self._start() if recipe.start == "loaded" else self.model.checkpoints[:0]
        return replace(self.model, checkpoints=start)

    def _start(self) -> tuple[str, ...]:
        """The weights that were loaded last before the model in use was trained, as the project keeps them."""
        from attribution.training.run import Run

        runs = {run.id: run for run in finished(self.folder / "runs", Run.open)}
        now = self.run if self.run is not None and self.run.loaded and not self.run.given else None
        used = self.run.model_config.checkpoints[-1:] if self.run is not None else ()
        begun = runs.get(Path(used[0]).parent.parent.name) if used else None
        found = now or begun or next((run for run in runs.values() if run.loaded and not run.given), None)
        return self.model.checkpoints[-1:] if found is None else (str(found.checkpoints[-1][0]),)

    @property
    def recipe(self) -> TrainConfig:
        """The recipe of trainings that are to answer for the model: the one it was trained with here. How loaded
        weights were trained is not known: then it is the project's, and ``UserError`` until the user agreed to
        that."""
        if self.run is not None and not self.run.loaded:
            return self.run.train_config
        willing = self.agreed or self.own.start == "loaded"
        if not willing and (self.run is not None or self.model.checkpoints):
            raise self.trained_elsewhere()
        return self.own

    @property
    def likely_recipe(self) -> TrainConfig:
        """The same without asking: for work that says itself that loaded weights are judged by other models."""
        return self.own if self.run is None or self.run.loaded else self.run.train_config

    @property
    def fold_recipe(self) -> TrainConfig | None:
        """The recipe of out-of-fold trainings; None where the user has not agreed to any."""
        willing = self.agreed or not self.elsewhere or not self.asked.loaded
        return self.likely_recipe if willing else None

    def trained_elsewhere(self) -> UserError:
        """The refusal to train for weights that were trained elsewhere, with both ways out."""
        recipe = self.own
        version = self.labels.version
        edited = ", on the labels before your edits" if version != self.dataset.base_version().version else ""
        return UserError(
            f"Your weights were trained elsewhere{edited}.",
            f"A training here starts from scratch with the project's recipe ({recipe.optimizer}, learning rate "
            f"{recipe.lr:g}, {recipe.epochs} epochs), so what comes of it is another model.",
            "Train here with the project's recipe (--here, in Python project.train_here()), or give checkpoints that "
            f"you trained on version {version[:8]} (datablame train --checkpoints FILES).",
        )


@dataclass(frozen=True)
class Request:
    """What a result depends on. ``said`` stands in its ``config.json``; ``parts`` are what its key is made of (empty:
    of ``said``); ``ready`` hands on what was worked out for it."""

    said: dict[str, Any]
    parts: tuple[Any, ...] = ()
    ready: Any = None

    @property
    def key(self) -> str:
        """The name of the result's folder."""
        return fingerprint(*(self.parts or (self.said,)))


class Study(ABC, Generic[Config]):
    """One kind of work. ``name`` is that of its file, job, verb, page and ``project.studies.NAME``.

    ``alias`` is the word that old job rows, the command line and ``Project`` also know it by; ``folder`` is where its
    results lie in a project; ``page`` shows them. ``title`` is what a job is called, with settings in braces.
    ``trains``: models are trained here to answer for the one in use, which needs the user's word where its weights were
    trained elsewhere.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    config: ClassVar[type[Any]]
    result: ClassVar[str | type[Artefact]]
    alias: ClassVar[str] = ""
    folder: ClassVar[str] = ""
    page: ClassVar[str] = ""
    module: ClassVar[str] = "run"
    trains: ClassVar[bool] = False
    questions: ClassVar[bool] = False  # can be asked of behaviours and typed answers, which are no samples

    def asks_model(self, config: Config) -> bool:
        """Whether this work needs a trained model."""
        return True

    def warnings(self, project: Any) -> list[str]:
        """What a user should know before this work is begun, in sentences; no model is asked."""
        return []

    @classmethod
    def reader(cls) -> type[Artefact]:
        """The class of its results; needs no torch."""
        if isinstance(cls.result, type):
            return cls.result
        found: type[Artefact] = getattr(cls._beside("result"), cls.result)
        return found

    @classmethod
    def _beside(cls, name: str) -> Any:
        return importlib.import_module(f"{cls.__module__.rpartition('.')[0]}.{name}")

    @classmethod
    def place(cls) -> str:
        """The folder in a project that holds its results."""
        return cls.folder or cls.name

    def request(self, context: Context, config: Config) -> Request:
        """What the result depends on: nothing that changes it may be left out, nothing else may be in it."""
        found: Request = self._beside(self.module).request(context, config)
        return found

    def compute(
        self, context: Context, config: Config, asked: Request, out: Path, work: Progress, **extra: Any
    ) -> dict[str, Any] | None:
        """Write the result's files into ``out`` and return what its ``config.json`` says beside the request; None when
        parts are still missing. What is there from an interrupted attempt may be gone on with."""
        module = self._beside(self.module)
        found: dict[str, Any] | None = module.compute(context, config, asked, out, work, **extra)
        return found

    def again(self, result: Any, asked: Request) -> Any:
        """A finished result that is asked for once more."""
        return result

    def words(self, config: Config) -> dict[str, Any]:
        """What stands in the braces of ``title``."""
        return asdict(config)  # type: ignore[call-overload, no-any-return]

    def called(self, config: Config) -> str:
        """What a job of this kind is called, in the words of the pages."""
        words = self.words(config)
        if "queries" in words:
            words["queries"] = in_words(str(words["queries"]))
        if isinstance(words.get("estimator"), str):
            words["estimator"] = estimators.get(words["estimator"]).title
        return self.title.format(**words)

    def usual(self, recipe: TrainConfig) -> Config:
        """The settings where nothing is asked for; ``recipe`` is the project's."""
        found: Config = self.config()
        return found

    def cost(self, context: Context, config: Config, progress: Progress | None = None) -> Any:
        """What the work would cost, from a timed share of it or from what earlier work took."""
        if (name := f"{self.name}-cost") in studies.names():
            return studies.get(name)().make(context, config, progress)
        raise UserError(f"The cost of {self.name} is not known.", "It was never measured how its cost grows.")

    def kept(self, context: Context, result: Any) -> None:
        """What is kept with a result once it is finished, so that no page waits for it."""

    def in_short(self, result: Any) -> str:
        """The last word of a job."""
        return str(getattr(result, "verdict", "done"))

    def told(self, context: Context, config: Config) -> Any:
        """The cost (``costs``) that was told of exactly this work, or None; kept beside what the work took."""
        name = f"{self.name}-cost"
        return studies.get(name)().find(context, config) if name in studies.names() else None

    def make(self, context: Context, config: Config, progress: Progress | None = None, **extra: Any) -> Any:
        """The result: found by its key, else computed, by one process at a time; an interrupted one goes on.

        Its ``config.json`` is the last of its files: what was asked, what came of it, ``seconds_s``, and ``cost``.
        """
        work = progress or Progress()
        asked = self.request(context, config)
        folder = context.folder / self.place() / asked.key
        if _finished(folder) or extra.get("part"):  # parts of one result are made side by side
            return self._made(context, config, asked, folder, work, extra)
        with alone(context.folder / ".locks" / f"{self.name}-{asked.key}.lock", work):
            return self._made(context, config, asked, folder, work, extra)

    def _made(
        self, context: Context, config: Config, asked: Request, folder: Path, work: Progress, extra: dict[str, Any]
    ) -> Any:
        if _finished(folder):
            result = self.again(self.reader().open(folder), asked)
            work.update(1, 1, self.in_short(result))
            return result
        whole = not any(path.is_file() for path in folder.rglob("*"))
        with Meter(_device(config)) as spent:
            about = self.compute(context, config, asked, folder, work, **extra)
        if about is None:
            return self.reader()(folder)
        folder.mkdir(parents=True, exist_ok=True)
        told = self.told(context, config)
        cost = spent.cost(whole, told.told if told else None, **about.pop("cost", {}))
        finish(folder, {**asked.said, "seconds_s": cost["seconds_s"], **about, "cost": cost})
        result = self.reader().open(folder)
        self.kept(context, result)
        work.update(1, 1, self.in_short(result))
        return result

    def all(self, folder: Path) -> list[Any]:
        """The finished results of the project in ``folder``, newest first; damaged ones are passed over."""
        return finished(folder / self.place(), self.reader().open)

    def latest(self, folder: Path, run: str | None = None) -> Any:
        """The newest finished result, one that was asked of this run before all others."""
        found = self.all(folder)
        own = [result for result in found if "run" in result.config and result.run == run]
        return next(iter([*own, *found]), None)

    def find(self, context: Context, config: Config) -> Any:
        """The finished result of exactly this work; nothing is computed."""
        folder = context.folder / self.place() / self.request(context, config).key
        return self.reader().open(folder) if _finished(folder) else None


def _finished(folder: Path) -> bool:
    return (folder / "config.json").is_file()


def _device(config: Any) -> str:
    """Where the work is metered: settings without a device are for the CPU."""
    if not getattr(config, "device", ""):
        return "cpu"
    from attribution.models.devices import pick_device

    return str(pick_device(config.device))
