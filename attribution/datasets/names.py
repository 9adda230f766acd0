"""What a class index is called, also the one of a sample that has no label."""

from collections.abc import Sequence

# The class index of a sample without a label; it is never active, so nothing trains on it or asks about it.
NO_LABEL = -1
UNLABELLED = "no label"


def class_word(classes: Sequence[str], label: int) -> str:
    """The class's name, or "no label"."""
    return UNLABELLED if label == NO_LABEL else classes[label]
