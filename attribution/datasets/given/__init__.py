"""Python objects as data: one file per kind of object; ``given.names()`` lists them."""

from attribution.registry import Registry

given = Registry("kind of object", "attribution.datasets.given")
register = given.register

__all__ = ["given", "register"]
