"""The work of a project as jobs: queued, done by processes of their own, watched, stopped and resumed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from attribution.jobs.board import GRACE_S, Job, JobBoard
from attribution.progress import Progress
from attribution.project.folder import About
from attribution.project.studies import Studies
from attribution.settings.configs import from_dict
from attribution.studies import named, studies


class Board:
    """The jobs of a project: ``submit(kind, config)`` queues what ``step(kind)(config, progress)`` does here. A kind is
    a study's name; jobs of former versions are known by its alias."""

    def __init__(self, about: About, of: Studies) -> None:
        self._board = JobBoard(about.folder)
        self._studies = of

    def submit(self, kind: str, config: Any = None) -> Job:
        """Queue a job of a kind (a study's name) and start it; returns at once."""
        return self._studies.named(kind).submit(config)

    def jobs(self) -> list[Job]:
        """All jobs, newest first, as they stand."""
        return [_today(job) for job in self._board.list()]

    def job(self, job_id: str) -> Job:
        """One job."""
        return _today(self._board.get(job_id))

    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop at its next step."""
        return self._board.cancel(job_id)

    def kill(self, job_id: str, grace_s: float = GRACE_S) -> Job:
        """End a job that may not answer: asked first, then by signal; returns when its process is gone."""
        return self._board.kill(job_id, grace_s)

    def resume(self, job_id: str) -> Job:
        """Go on with a stopped job."""
        return self._board.resume(job_id)

    def run_job(self, job_id: str) -> str:
        """Do a queued job in this process (what ``datablame job`` runs); returns its final state."""
        return self._board.run(job_id, self._work)

    def _work(self, job: Job, progress: Progress) -> str:
        config: Any = from_dict(named(job.kind).config, job.config)
        return str(self.step(job.kind)(config, progress).id)

    def step(self, kind: str) -> Callable[..., Any]:
        """What does a job kind's work in this process: ``step(kind)(config, progress)``. What the user's model code
        does meanwhile, in whichever of its lines, is a ``UserError``."""

        def work(*args: Any, **settings: Any) -> Any:
            from attribution.models.user_code import guarded

            with guarded("it was at work"):
                return self._studies.named(kind).run(*args, **settings)

        return work


def _today(job: Job) -> Job:
    """A job of a former version, by today's name of its kind."""
    name = next((name for name in studies.names() if studies.get(name).alias == job.kind), job.kind)
    return replace(job, kind=name)
