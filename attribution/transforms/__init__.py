"""What a model is handed of a sample when the user says so: one file per kind of transform, ``transforms.names()``
lists them."""

from attribution.transforms.base import Transform, code_of, identity_of, kind_of, placed, register, scale_of, transforms

__all__ = ["Transform", "code_of", "identity_of", "kind_of", "placed", "register", "scale_of", "transforms"]
