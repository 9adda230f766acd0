"""Influence estimators: one file each; ``estimators.names()`` lists them."""

from attribution.registry import Registry

estimators = Registry("estimator", "attribution.estimators")
register = estimators.register

__all__ = ["estimators", "register"]
