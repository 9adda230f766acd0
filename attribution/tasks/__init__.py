"""Tasks: what is learned from the targets; one file each; ``tasks.names()`` lists them."""

from typing import TYPE_CHECKING, Any

from attribution.registry import Registry

if TYPE_CHECKING:
    from attribution.datasets.dataset import DatasetInfo

tasks = Registry("task", "attribution.tasks")
register = tasks.register
USUAL = "classification"  # of a project that does not say

__all__ = ["register", "task_of", "tasks"]


def task_of(info: "DatasetInfo") -> Any:
    """The task that ``dataset.json`` names; classification where it names none. ``UserError`` for an unknown one."""
    options = getattr(info, "task", None) or {}
    return tasks.get(options.get("name", USUAL)).of(info.classes, options)
