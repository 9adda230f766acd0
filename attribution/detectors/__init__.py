"""Detectors of suspicious training labels: one file each; ``detectors.names()`` lists them, ``defaults()`` those of an
ordinary search."""

from collections.abc import Iterable

from attribution.registry import Registry

detectors = Registry("detector", "attribution.detectors")
register = detectors.register


def defaults(kind: str = "class") -> list[str]:
    """Names of the detectors that run when none is asked for by name, sorted; ``kind`` is that of the targets."""
    return [name for name in detectors.names() if detectors.get(name).default and detectors.get(name).serves(kind)]


def counted(names: Iterable[str]) -> list[str]:
    """Those of these detectors that make the order of the review queue, sorted; all of them where none is made for it.

    Few and of different kinds: what repeats another's evidence (the loss the margin's) only adds noise to a mean of
    ranks.
    """
    names = sorted(names)
    return [name for name in names if detectors.get(name).in_queue] or names


__all__ = ["counted", "defaults", "detectors", "register"]
