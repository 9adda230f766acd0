"""Which task a project's data are for: the choice of the user's settings, and what a dataset keeps of it."""

from collections.abc import Sequence
from dataclasses import Field, fields
from typing import TYPE_CHECKING, Any

from attribution.errors import UserError
from attribution.settings.configs import DataConfig
from attribution.settings.ranges import checked, entry_type
from attribution.tasks import USUAL, task_class
from attribution.trust import code_file
from attribution.trust.question import code_hash

if TYPE_CHECKING:
    from attribution.tasks.base import Task

AUTO = "auto"


def chosen(config: "DataConfig", classes: Sequence[str] = (), **data: float) -> "Task":
    """The task that the settings name, with the settings of its own, for data of these ``classes`` and, for numbers,
    this ``mean`` and ``std``. ``UserError`` for an unknown task or setting."""
    kind = task_class({"name": USUAL if config.task == AUTO else config.task})
    given = settings_of(kind.Settings, config.task_options)
    unit = {"unit": config.unit} if config.unit else {}
    return kind(classes, given, **data, **unit)


def settings_of(kind: type[Any], written: Sequence[str]) -> Any:
    """A task's settings from ``NAME=VALUE`` entries; several numbers of one setting are separated by blanks."""
    known = {item.name: item for item in fields(kind)}
    values: dict[str, Any] = {}
    for entry in written:
        name, sign, value = entry.partition("=")
        name = name.strip().replace("-", "_")
        if not sign or name not in known:
            raise UserError(
                f"The task has no setting {entry!r}.",
                "It would be ignored.",
                f"Write NAME=VALUE with one of: {', '.join(known) or 'none, this task has no settings'}.",
            )
        values[name] = _value(known[name], value.strip())
    return kind(**values)


def _value(item: "Field[Any]", text: str) -> Any:
    kind = entry_type(item)
    if kind is bool:
        return checked(item, {"true": True, "false": False}.get(text.lower(), text))
    try:
        if isinstance(item.default, tuple):
            return checked(item, tuple(kind(part) for part in text.split()))
        return checked(item, kind(text))
    except ValueError:
        return checked(item, text)


def described(task: "Task") -> dict[str, Any]:
    """What ``DatasetInfo.task`` keeps: nothing for plain classification, as projects before there were tasks."""
    told = task.to_json()
    if told == {"name": USUAL}:
        return {}
    told["kind"] = task.kind
    if path := code_file(task.name):
        told["code"] = code_hash(path)
    if task.kind == "number":
        told |= {"mean": task.targets.mean, "std": task.targets.std}
        told |= {"unit": task.target_unit} if task.target_unit else {}
    return told
