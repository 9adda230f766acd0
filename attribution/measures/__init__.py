"""Measures: what an influence is asked of; one file each; ``measures.names()`` lists them."""

from attribution.registry import Registry

measures = Registry("measure", "attribution.measures")
register = measures.register

__all__ = ["measures", "register"]
