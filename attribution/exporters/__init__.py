"""Exporters: what leaves a project as a file; one file each; ``exporters.names()`` lists them."""

from attribution.registry import Registry

exporters = Registry("exporter", "attribution.exporters")
register = exporters.register

__all__ = ["exporters", "register"]
