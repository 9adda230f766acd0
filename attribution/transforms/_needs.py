"""Libraries of practitioners, imported when a transform asks for them."""

import importlib
from typing import Any

from attribution.errors import UserError


def library(name: str, said: str, command: str = "") -> Any:
    """The module ``name``; ``UserError`` with the command that installs it, where the transform ``said`` lacks it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise UserError(
            f"The transform {said} needs {package}, which cannot be imported: {error}.",
            "The preprocessing is its own.",
            command or f"pip install {package}, or write the steps out: resize=256,crop=224,mean=...,std=...",
        ) from error
