"""The page of the Python interface, from signatures and docstrings, made when the site is built."""

import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

import attribution
from attribution.project.project import Project
from attribution.studies import studies

BEGINNING = """# Python

Made from the docstrings when this site is built. `from attribution import Project` is all that is needed; settings are
the dataclasses of the [reference](reference.md), results are read without torch.
"""


def api() -> str:
    """Markdown: ``Project`` with its members, then each result, then the other names at the top of ``attribution``."""
    parts = [BEGINNING, *_class(Project, "Project")]
    for name in studies.names():
        result = _result(name)
        if result is not None:
            parts += _class(result, f"{result.__name__} (`project.studies.{name}`)")
    parts.append("## Other names\n")
    for name in sorted(attribution.__all__):
        item = getattr(attribution, name)
        if inspect.isclass(item) and item is not Project and not name.endswith("Config"):
            parts += [f"### {name}\n", _text(item)]
        elif inspect.isfunction(item):
            parts += [f"### {name}{_signature(item)}\n", _text(item)]
    return "\n".join(parts) + "\n"


def _result(study_name: str) -> type | None:
    """The class that a study's results are read by; None for one whose results are another's."""
    study = studies.get(study_name)
    name = getattr(study, "result", "")
    if not name:
        return None
    found: type | None = getattr(importlib.import_module(f"{study.__module__.rpartition('.')[0]}.result"), name, None)
    return found


def _class(kind: type, title: str) -> list[str]:
    """A class and its public members."""
    lines = [f"## {title}\n", _text(kind)]
    for name, member in _members(kind):
        lines += [f"### {name}{_signature(member)}\n", _text(member)]
    return lines


def _members(kind: type) -> Iterator[tuple[str, Any]]:
    """Methods and properties of a class and its bases that have words, by name."""
    for name in sorted(dir(kind)):
        member = inspect.getattr_static(kind, name)
        if not name.startswith("_") and (found := _worded(kind, name, member)) is not None:
            yield name, found


def _worded(kind: type, name: str, member: Any) -> Any:
    """What has the docstring of a member: a function, or the function of a property; None where there is none."""
    if isinstance(member, staticmethod | classmethod):
        return member.__func__
    if type(member).__name__ == "Seen":  # a property of one of the project's parts
        part = {"about": "folder", "review": "review", "models": "runs"}[member._part]
        owner = importlib.import_module(f"attribution.project.{part}")
        held = getattr(owner, {"folder": "About", "review": "Review", "runs": "Models"}[part])
        return getattr(held, name, None) if inspect.getdoc(getattr(held, name, None)) else None
    return member if inspect.getdoc(member) and (callable(member) or hasattr(member, "__get__")) else None


def _signature(member: Any) -> str:
    """The arguments of a function without its annotations' quotes; nothing for a property."""
    if not inspect.isfunction(member):
        return ""
    given = [each for each in inspect.signature(member).parameters.values() if each.name not in ("self", "cls")]
    words = ", ".join(str(each.replace(annotation=inspect.Parameter.empty)) for each in given)
    return f"({words})"


def _text(member: Any) -> str:
    """A docstring as Markdown."""
    return re.sub(r"``([^`]+)``", r"`\1`", inspect.getdoc(member) or "") + "\n"
