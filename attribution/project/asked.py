"""Whether this machine and this data can do what a config asks: its device, its plug-ins, and numbers that the data
sets a limit to."""

import dataclasses
import importlib
from typing import TYPE_CHECKING, Any, TypeVar

from attribution.errors import UserError

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset, Labels

T = TypeVar("T")


def possible(config: T, dataset: "Dataset", labels: "Labels") -> T:
    """The config as it is; ``UserError`` for a device that is not here, an unknown plug-in, or more neighbours or folds
    than there is data.

    Asked before a finished result is looked for, so that an impossible request is refused whether or not its result is
    already there.
    """
    for item in dataclasses.fields(config):  # type: ignore[arg-type]
        value = getattr(config, item.name)
        at = item.metadata
        if at.get("device") and value not in ("auto", "cpu"):
            from attribution.models.devices import pick_device

            pick_device(value)
        for name in (value if isinstance(value, tuple) else (value,)) if at.get("plugins") else ():
            getattr(importlib.import_module(f"attribution.{at['plugins']}"), at["plugins"]).get(name)
        if at.get("of"):
            _within(item.name, value, item.default, at["of"], dataset, labels)
    return config


def _within(name: str, value: Any, usual: Any, of: str, dataset: "Dataset", labels: "Labels") -> None:
    """A number that cannot be larger than the data; the usual value is cut to what there is, as on very small data it
    must be."""
    count = len(labels.train_rows(dataset)) if of == "training samples" else len(dataset)
    largest = max(value, default=0) if isinstance(value, tuple) else value
    if name == "folds":
        if value != usual and largest > count:
            why = f"There are {count:,} {of}, and every fold holds one at least."
            do = f"Use at most {count:,}." if count > 1 else "Keep more samples."
            raise UserError(f"{name} is {largest}.", why, do)
        return
    if value != usual and largest > count - 1:
        raise UserError(
            f"{name} is {largest}.",
            f"There are {count:,} {of}, so one has at most {max(0, count - 1):,} others.",
            f"Use at most {max(0, count - 1):,}.",
        )
