"""Lets the torchvision of the package index, whose operators are built for CUDA, be imported beside a CPU torch.

Python runs this file at every start with this folder on its path. torchvision registers shapes of two of its
operators when it is imported, which fails where they could not be loaded; they are declared here just before. Models
and transforms need neither.
"""

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from importlib.metadata import version
from types import ModuleType

BOXES = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


class Declared(importlib.abc.MetaPathFinder):
    """Waits for the first import of torchvision, and finds nothing itself."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name == "torchvision":
            sys.meta_path.remove(self)
            if "+" not in version("torchvision"):  # +cpu and the like bring operators that load
                self.declare()
        return None

    def declare(self) -> None:
        import torch

        self.library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            self.library.define(operator + BOXES)
        sys.torchvision_operators = self.library  # type: ignore[attr-defined]  # they go when it goes


sys.meta_path.insert(0, Declared())
