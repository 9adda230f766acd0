"""Tasks: what is learned from the targets; one file each; ``tasks.names()`` lists them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attribution.registry import Registry

if TYPE_CHECKING:
    from attribution.tasks.base import Described

tasks = Registry("task", "attribution.tasks")
register = tasks.register
USUAL = "classification"  # of a project that does not say

__all__ = ["register", "task_class", "task_of", "tasks"]


def task_of(info: "Described") -> Any:
    """The task that ``dataset.json`` names; classification where it names none. ``UserError`` for an unknown one."""
    options = getattr(info, "task", None) or {}
    return task_class(options).of(info.classes, options)


def task_class(options: Mapping[str, Any]) -> Any:
    """The class of a task by ``{"name", ...}``: a registered one, or the user's own ``FILE.py:CLASS`` (whose ``code``
    is the hash that it must have)."""
    from attribution.tasks.own import is_own, own

    name = str(options.get("name", USUAL))
    return own(name, str(options.get("code", ""))) if is_own(name) else tasks.get(name)
