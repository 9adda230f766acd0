"""The other trainings of a run's recipe: same data, labels and network, another seed."""

from dataclasses import replace
from typing import TYPE_CHECKING

from attribution.runs import Run

if TYPE_CHECKING:
    from attribution.subject import Subject


def siblings(subject: "Subject") -> "list[Subject]":
    """Subjects for the finished runs beside the subject's that differ from it in the seed alone, by seed; one for each seed.

    Empty for loaded weights, whose recipe is unknown, and for a run that lies in no folder.
    """
    from attribution.subject import Subject

    run = subject.run
    if not isinstance(run, Run) or run.config["source"] != "trained":
        return []
    found: dict[int, Run] = {}
    for other in Run.all(run.folder.parent):
        if other.config["seed"] not in (run.config["seed"], *found) and _recipe(other) == _recipe(run):
            found[other.config["seed"]] = other
    device, size, trusted = str(subject.device), subject.batch_size, subject.trusted
    runs = [found[seed] for seed in sorted(found)]
    return [Subject(subject.dataset, subject.labels, each, device=device, batch_size=size, trusted=trusted) for each in runs]


def _recipe(run: Run) -> tuple[object, ...]:
    """What siblings share."""
    train = replace(run.train_config, seed=0, device="", checkpoints=1)
    return run.config["source"], run.version, run.config["code"], run.model_config, train
