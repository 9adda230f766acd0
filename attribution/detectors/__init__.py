"""Detectors of suspicious training labels: one file each; ``detectors.names()`` lists them, ``defaults()`` those of an
ordinary search."""

from attribution.registry import Registry

detectors = Registry("detector", "attribution.detectors")
register = detectors.register


def defaults() -> list[str]:
    """Names of the detectors that run when none is asked for by name, sorted."""
    return [name for name in detectors.names() if detectors.get(name).default]


__all__ = ["defaults", "detectors", "register"]
