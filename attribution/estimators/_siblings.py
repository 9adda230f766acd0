"""The other trainings of a run's recipe, ready to be asked: same data, labels and network, another seed."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attribution.training.trained import Subject


def siblings(subject: "Subject") -> "list[Subject]":
    """Subjects for ``subject.siblings``, by seed; what they spend counts for the subject, too."""
    return [subject.like(run) for run in subject.siblings]
