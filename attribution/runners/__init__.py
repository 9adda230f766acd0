"""Runners: where the shards of a score run are computed. One file each; ``runners.names()`` lists them."""

from attribution.registry import Registry

runners = Registry("runner", "attribution.runners")
register = runners.register

__all__ = ["register", "runners"]
