"""The studies of a project: ``project.studies.leaks.run(config)`` computes or finds, ``.latest()`` reads."""

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from attribution.progress import Progress
from attribution.project.asked import possible
from attribution.storage.files import readable
from attribution.studies import named, studies
from attribution.studies.base import Context, Study

if TYPE_CHECKING:
    from attribution.jobs.board import Job
    from attribution.project.runs import Models

Config = TypeVar("Config")


class Of(Generic[Config]):
    """One study of one project."""

    def __init__(self, project: "Models", study: Study[Config]) -> None:
        self._project, self.study = project, study

    def run(self, config: Config | None = None, progress: Progress | None = None, **extra: Any) -> Any:
        """The result of this work, found or computed in this process. ``UserError`` for what this machine or data
        cannot do, and without the trained model that it asks."""
        asked, context = self._asked(config)
        return self.study.make(context, asked, progress, **extra)

    def submit(self, config: Config | None = None) -> "Job":
        """The same as a job: queued and started; returns at once."""
        return self._project.submit(self.study.name, config)  # type: ignore[attr-defined, no-any-return]

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
        run = self._project.run
        return self.study.latest(self._project.folder, run.id if run else None)

    def all(self) -> list[Any]:
        """All finished results, newest first."""
        return self.study.all(self._project.folder)

    def begun(self) -> list[Any]:
        """Also those still at work (or stopped), with what they have so far; of studies that write what they are asked
        before they begin."""
        folder = self._project.folder / self.study.place()
        asked = sorted(filter(readable, folder.glob("*/request.json")), key=lambda path: -path.stat().st_mtime_ns)
        return [self.study.reader()(path.parent) for path in asked]

    def _asked(self, config: Config | None) -> tuple[Config, Context]:
        project = self._project
        usual = self.study.usual(project.train_config) if config is None else config
        asked = possible(usual, project.dataset, project.labels)
        return asked, project.context(getattr(asked, "run", ""), self.study.asks_model(asked))


class Studies:
    """All studies of a project, by name; ``list(project.studies)`` tells the names."""

    def __init__(self, project: "Models") -> None:
        self._project = project

    def __getattr__(self, name: str) -> Of[Any]:
        if name not in studies.names():
            raise AttributeError(f"there is no study {name!r}; there are: {', '.join(studies.names())}")
        return Of(self._project, named(name))

    def __dir__(self) -> list[str]:
        return studies.names()
