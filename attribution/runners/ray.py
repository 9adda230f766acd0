"""Tasks on a Ray cluster, past one machine."""

import os
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from attribution.errors import UserError
from attribution.progress import Progress
from attribution.runners import register
from attribution.runners.base import Runner, Work, silent
from attribution.runners.share import take_share

POLL_S = 1.0
RETRIES = 8  # times that one item is done again after its worker or node was lost

_opened: dict[str, Callable[[Any], None]] = {}  # what this Ray worker opened; one piece of work at a time


@register("ray")
class RayTasks(Runner):
    """One task per shard; a task carries file paths and labels alone, and writes its result itself, so nothing wide
    passes through Ray.

    Joins the cluster that ``RAY_ADDRESS`` names, else the one this process is in, else starts one on this machine. The
    project folder must be on storage that every node sees under the same path.
    """

    title = "Ray cluster"
    summary = "One task per shard on every machine of a Ray cluster; a lost node's shards are done again elsewhere."
    needs = "ray (pip install 'datablame[ray]') and storage shared by the nodes"

    def run(self, work: Work, items: Sequence[Any], progress: Progress) -> None:
        ray = _ray()
        mine = not ray.is_initialized()
        if mine:
            ray.init(
                address=os.environ.get("RAY_ADDRESS", "local"),
                include_dashboard=False,
                log_to_driver=False,
                logging_level="warning",
            )
        try:
            self._run(ray, work, items, progress)
        finally:
            if mine:
                ray.shutdown()

    def _run(self, ray: Any, work: Work, items: Sequence[Any], progress: Progress) -> None:
        total = sum(map(work.size, items))
        finished = 0.0
        gpus = _gpus(ray, work.device)
        task = ray.remote(max_retries=RETRIES, num_cpus=1, num_gpus=1 if gpus else 0)(_one)
        shared = ray.put(work)
        queue = list(items)
        visit = uuid.uuid4().hex  # names this run: the same work in another folder is other work
        limit = self.workers or 2 * max(1, gpus or int(ray.cluster_resources().get("CPU", 1)))
        waiting: dict[Any, Any] = {}
        try:
            while queue or waiting:
                while queue and len(waiting) < limit:
                    item = queue.pop(0)
                    waiting[task.remote(shared, visit, item)] = item
                ended, _ = ray.wait(list(waiting), timeout=POLL_S)
                for reference in ended:
                    item = waiting.pop(reference)
                    _result(ray, reference)
                    finished += work.size(item)
                    progress.update(finished, total, work.words(item))
                progress.update(finished, total, f"{len(waiting)} tasks under way")
        finally:
            for reference in waiting:
                ray.cancel(reference, force=True)


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is ever reported
    try:
        import ray
    except ImportError:
        raise UserError(
            "The ray runner needs Ray, which is not installed.",
            "It carries the work to other machines.",
            "pip install 'datablame[ray]', or use the runner processes or serial.",
        ) from None
    return ray


def _gpus(ray: Any, device: str) -> int:
    """How many GPUs of the cluster the tasks are spread over, one each; 0 where they compute without.

    Raises ``UserError`` where CUDA is asked for by name and no node has it.
    """
    found = int(ray.cluster_resources().get("GPU", 0))
    if device.startswith("cuda") and not found:
        raise UserError(
            f"The Ray cluster has no GPU, and the device is {device!r}.",
            "Its tasks would wait for one for ever.",
            "Start nodes with GPUs (ray start --num-gpus), or use --device auto or cpu.",
        )
    return found if device == "auto" or device.startswith("cuda") else 0


def _result(ray: Any, reference: Any) -> None:
    """The task's outcome; what it raised is raised here as it was."""
    try:
        ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause if isinstance(error.cause, Exception) else error from None


def _one(work: Work, visit: str, item: Any) -> None:
    """Do one item in a Ray worker, which keeps the work open for its next item. Ray shows a task the GPU that it was
    given and no other."""
    if visit not in _opened:
        import torch

        take_share(0, given=True)
        torch.set_num_threads(1)  # Ray counts one core per task
        _opened.clear()
        _opened[visit] = work.open(silent)
    _opened[visit](item)
