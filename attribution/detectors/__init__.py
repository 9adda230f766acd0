"""Detectors of suspicious training labels: one file each; ``detectors.names()`` lists them."""

from attribution.registry import Registry

detectors = Registry("detector", "attribution.detectors")
register = detectors.register

__all__ = ["detectors", "register"]
