"""The studies of a project: ``project.studies.leaks.run(config)`` computes or finds, ``.latest()`` reads."""

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from attribution.jobs.board import Job, JobBoard
from attribution.progress import Progress
from attribution.project.asked import possible
from attribution.project.folder import About
from attribution.project.review import Review
from attribution.project.runs import Models
from attribution.storage.files import readable
from attribution.studies import named, studies
from attribution.studies.base import Context, Study

if TYPE_CHECKING:
    from attribution.training.run import Run

Config = TypeVar("Config")


class Of(Generic[Config]):
    """One study of one project."""

    def __init__(self, about: About, review: Review, models: Models, study: Study[Config]) -> None:
        self.study = study
        self._about = about
        self._review = review
        self._models = models

    def run(self, config: Config | None = None, progress: Progress | None = None, **extra: Any) -> Any:
        """The result of this work, found or computed in this process. ``UserError`` for what this machine or data
        cannot do, and without the trained model that it asks."""
        asked, context = self._asked(config)
        return self.study.make(context, asked, progress, **extra)

    def submit(self, config: Config | None = None) -> Job:
        """The same as a job: queued and started; returns at once."""
        study = self.study
        asked = study.usual(self._about.train_config) if config is None else config
        return JobBoard(self._about.folder).submit(study.name, study.called(asked), asked)

    def cost(self, config: Config | None = None, progress: Progress | None = None) -> Any:
        """What the work would cost, before it is started; ``UserError`` for a study that cannot tell."""
        asked, context = self._asked(config)
        return self.study.cost(context, asked, progress)

    def find(self, config: Config | None = None) -> Any:
        """The finished result of exactly this work, or None; nothing is computed."""
        asked, context = self._asked(config)
        return self.study.find(context, asked)

    def latest(self) -> Any:
        """The newest finished result, one of the current model before all others; None when there is none."""
        run = self._models.run
        return self.study.latest(self._about.folder, run.id if run else None)

    def all(self) -> list[Any]:
        """All finished results, newest first."""
        return self.study.all(self._about.folder)

    def begun(self) -> list[Any]:
        """Also those still at work (or stopped), with what they have so far; of studies that write what they are asked
        before they begin."""
        folder = self._about.folder / self.study.place()
        asked = sorted(filter(readable, folder.glob("*/request.json")), key=lambda path: -path.stat().st_mtime_ns)
        return [self.study.reader()(path.parent) for path in asked]

    def told(self, config: Config | None = None) -> Any:
        """The cost that was told of exactly this work on the current labels, or None."""
        asked, context = self._asked(config)
        return self.study.told(context, asked)

    def _asked(self, config: Config | None) -> tuple[Config, Context]:
        usual = self.study.usual(self._about.train_config) if config is None else config
        asked = possible(usual, self._about.dataset, self._review.labels)
        queries = str(getattr(asked, "queries", "")) if self.study.questions else ""
        return asked, self._models.context(getattr(asked, "run", ""), self.study.asks_model(asked), queries)


class Studies:
    """All studies of a project, by name; ``list(project.studies)`` tells the names."""

    def __init__(self, about: About, review: Review, models: Models) -> None:
        self._parts = (about, review, models)

    @property
    def run(self) -> "Run | None":
        """The model in use."""
        return self._parts[2].run

    def __getattr__(self, name: str) -> Of[Any]:
        if name not in studies.names():
            raise AttributeError(f"there is no study {name!r}; there are: {', '.join(studies.names())}")
        return self.named(name)

    def named(self, word: str) -> Of[Any]:
        """The study of this name or alias; ``UserError`` naming all otherwise."""
        return Of(*self._parts, named(word))

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *studies.names()]
