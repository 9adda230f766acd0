"""Closed forms of layer types: one file each, found by ``attribution.gradients.layers``."""
