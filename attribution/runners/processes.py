"""Several processes on this machine, each with its share of the threads."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from threading import Thread
from types import ModuleType
from typing import Any

from attribution.errors import UserError
from attribution.progress import Progress
from attribution.runners import register
from attribution.runners.base import Runner, Work, silent
from attribution.runners.share import take_share

DEATHS = 3  # workers that may die in a row, with no item finished in between, before the run is given up
POLL_S = 0.5

_do: Callable[[Any], None] | None = None  # what this worker process opened


@register("processes")
class Processes(Runner):
    """A pool of fresh (spawned) processes; when one is killed the pool is made anew and what is not on disk is done
    again."""

    title = "Several processes"
    summary = (
        "As many processes as cores, with threads and GPUs shared out. Pays for small models, whose batches leave "
        "threads idle."
    )

    def run(self, work: Work, items: Sequence[Any], progress: Progress) -> None:
        total = sum(work.size(item) for item in items)
        left = list(items)
        deaths = 0
        workers = max(1, min(self.workers or os.cpu_count() or 1, len(items)))
        while left:
            before = len(left)
            try:
                self._round(work, left, progress, total, workers)
            except BrokenProcessPool:
                left = [item for item in left if not work.done(item)]
                deaths = deaths + 1 if len(left) == before else 1
                if deaths >= DEATHS:
                    raise UserError(
                        f"Worker processes died {deaths} times in a row.",
                        "The system stopped them, most likely because memory ran out.",
                        "Use fewer workers, a smaller batch size, or the serial runner. What was finished is kept.",
                    ) from None
                progress.update(total - sum(map(work.size, left)), total, "a worker died; its part is done again")
            else:
                left = []

    def _round(self, work: Work, items: Sequence[Any], progress: Progress, total: float, workers: int) -> None:
        """One pool's life: to the last item, the first error, or the first death."""
        finished = total - sum(map(work.size, items))
        threads = max(1, (os.cpu_count() or 1) // workers)
        progress.update(finished, total, f"starting {workers} processes")
        context = get_context("spawn")
        waiting: dict[Future[None], Any] = {}
        with _nothing_from_here():
            pool = ProcessPoolExecutor(
                workers, context, initializer=_start, initargs=(work, threads, context.Value("i", 0))
            )
        try:
            with _no_script(), _nothing_from_here():  # a spawning pool starts all its processes at the first submission
                waiting |= {pool.submit(_one, item): item for item in items}
            while waiting:
                ended, _ = wait(waiting, POLL_S, FIRST_COMPLETED)
                for future in ended:
                    item = waiting.pop(future)
                    future.result()
                    finished += work.size(item)
                    progress.update(finished, total, work.words(item))
                # Hears a cancellation while the items are long.
                progress.update(finished, total, f"{workers} processes")
        finally:
            # No public way to stop a pool whose items are under way.
            for process in list((pool._processes or {}).values()):
                if waiting:
                    process.terminate()
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _no_script() -> Iterator[None]:
    """Keep new processes from running the script that started this one again, as spawning does with a script that has
    no main guard."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


@contextmanager
def _nothing_from_here() -> Iterator[None]:
    """Keep new processes from importing out of the working directory: it may be somebody else's folder, with a
    ``random.py`` of theirs."""
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before


def _start(work: Work, threads: int, started: Any) -> None:
    """A worker's beginning; ``started`` counts them, so that each takes the next accelerator."""
    import torch

    global _do
    Thread(target=_end_with_the_parent, daemon=True).start()
    torch.set_num_threads(threads)
    with started.get_lock():
        take_share(started.value)
        started.value += 1
    _do = work.open(silent)


def _end_with_the_parent() -> None:
    """A parent that was killed stops no worker by itself."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _one(item: Any) -> None:
    assert _do is not None
    _do(item)
