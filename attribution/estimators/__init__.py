"""Influence estimators: one file each; ``estimators.names()`` lists them."""

from attribution.registry import Registry

estimators = Registry("estimator", "attribution.estimators")
register = estimators.register


def in_place(place: str, kind: str = "") -> list[str]:
    """Names of the estimators whose own file gives them a ``place`` (``offered``, ``for_texts``, ``compared``), in that
    order; with ``kind``, those that serve this kind of targets."""
    served = [each for each in estimators.each() if not kind or each.serves(kind)]
    found = {each.name: vars(each).get(place, 0) for each in served}  # a subclass does not inherit it
    return sorted((name for name in found if found[name]), key=found.__getitem__)


__all__ = ["estimators", "in_place", "register"]
