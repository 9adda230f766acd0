"""The other trainings of a run's recipe, ready to be asked: same data, labels and network, another seed."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attribution.training.trained import TrainedModel


def siblings(trained: "TrainedModel") -> "list[TrainedModel]":
    """Subjects for ``trained.siblings``, by seed; what they spend counts for the subject, too."""
    return [trained.like(run) for run in trained.siblings]
