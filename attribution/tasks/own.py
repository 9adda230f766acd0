"""A task of the user's own, ``FILE.py:CLASS``: trusted code by hash, as models are."""

import inspect
from typing import TYPE_CHECKING, Any

from attribution.errors import UserError
from attribution.trust import code_file
from attribution.trust.loading import running
from attribution.trust.question import code_hash, look

if TYPE_CHECKING:
    from attribution.tasks.base import Task


def is_own(name: str) -> bool:
    """Whether ``name`` is the user's own ``FILE.py:CLASS``."""
    return ".py:" in name


def placed(name: str) -> str:
    """The name with its path in full: a job has another working directory."""
    path = code_file(name)
    return f"{path}:{name.rpartition(':')[2]}" if path else name


def own(name: str, code: str = "") -> "type[Task]":
    """The user's class. ``code``: the hash that it must have, that of the file a project was made with.

    ``UserError`` for a file that is not trusted, is another one by now, cannot be run, or holds no such task.
    """
    from attribution.tasks.base import Task
    from attribution.tasks.targets import KINDS

    path = code_file(name)
    assert path is not None
    seen = look(path)
    if not seen.trusted:
        raise seen.refusal()
    if code and code != code_hash(path):
        raise UserError(
            f"The task in {path} has changed since the project was made.",
            "What was learned by the earlier loss would be judged by another.",
            "Restore that file, or make a new project.",
        )
    class_name = name.rpartition(":")[2]
    try:
        with running(path) as module:
            found = getattr(module, class_name, None)
    except (UserError, KeyboardInterrupt):
        raise
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise UserError(f"{path.name} failed with {why}.", "Without it there is no task.", "Mend the file.") from error
    if not (inspect.isclass(found) and issubclass(found, Task)):
        raise UserError(
            f"{path.name} has no task {class_name!r}.",
            "A task is a class that extends attribution.tasks.base.Task, or a built-in one.",
            "Correct the name behind the colon; docs/tasks.md has an example.",
        )
    missing = sorted(getattr(found, "__abstractmethods__", ()))
    if missing or getattr(found, "kind", "") not in KINDS:
        raise UserError(
            f"The task {class_name} of {path.name} says no {', '.join(missing) or 'kind of targets'}.",
            f"The house asks for it (kind is one of {', '.join(KINDS)}).",
            "Add it; docs/tasks.md has an example.",
        )
    found.name = placed(name)
    return found


def identity(told: dict[str, Any]) -> dict[str, Any]:
    """What ``DatasetInfo.task`` says, without the place of a user's file: its hash tells what it is."""
    name = str(told.get("name", ""))
    return {**told, "name": name.rpartition(":")[2]} if is_own(name) else told
