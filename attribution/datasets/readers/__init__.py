"""Readers: from the user's files to samples. One file per kind; ``readers.names()`` lists them."""

from attribution.registry import Registry

readers = Registry("reader", "attribution.datasets.readers")
register = readers.register

__all__ = ["readers", "register"]
