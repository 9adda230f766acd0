"""docs/reference.md from the code: verbs, settings, plug-ins."""

import inspect
from typing import Any

from figures.table import table
from typer.main import get_command

from attribution.cli import cli
from attribution.registry import Registry
from attribution.settings import configs as config
from attribution.settings.options import NoSettings
from attribution.studies import studies


def reference() -> str:
    """Settings, verbs, estimators and detectors, as the code has them."""
    from attribution.detectors import detectors
    from attribution.estimators import estimators
    from attribution.exporters import exporters
    from attribution.measures import measures
    from attribution.models.sources import sources
    from attribution.tasks import tasks

    parts = ["# Reference\n\nMade by `python docs/build.py` from the code; do not edit by hand.\n"]
    verbs = [
        (command.name or command.callback.__name__, command.callback.__doc__ or "")
        for command in cli.registered_commands
        if not command.hidden
    ]
    parts.append("## Verbs\n\nEvery flag: `datablame VERB --help`.\n")
    parts.append(
        table(
            ["verb", "what it does"],
            [[f"`datablame {name}`", " ".join(text.strip().split("\n\n")[0].split())] for name, text in verbs],
        )
    )
    for name in ("trust", "app"):
        parts.append(f"### Flags of `datablame {name}`\n")
        parts.append(table(["flag", "default", "meaning"], _flags(name)))
    parts.append("## Settings\n\nThe same names are CLI flags, form fields and keys of `config.json`.\n")
    for kind in _settings():
        name = kind.__name__
        parts.append(f"### {name}\n\n{inspect.cleandoc(kind.__doc__ or '')}\n")
        lines = [
            [f"`{field}`", repr(default) if default != "" else "empty", text, limits or "any"]
            for field, default, text, limits in config.fields_of(kind)
        ]
        parts.append(table(["setting", "default", "meaning", "range"], lines))
    for registry, title in ((estimators, "Estimators"), (detectors, "Detectors")):
        items = [registry.get(name) for name in registry.names()]
        lines = [[f"`{item.name}`{_asked(item)}", item.title, item.summary, item.cost] for item in items]
        parts.append(f"## {title}\n")
        parts.append(table(["name", "in words", "summary", "cost"], lines))
        parts.append(_own_settings(registry))
    items = [tasks.get(name) for name in tasks.names()]
    parts.append(
        "## Tasks\n\n[What they are](tasks.md). Their settings are given with `--task-options NAME=VALUE,...`.\n"
    )
    parts.append(table(["name", "in words", "summary"], [[f"`{one.name}`", one.title, one.summary] for one in items]))
    parts.append(_own_settings(tasks))
    items = [measures.get(name) for name in measures.names()]
    parts.append("## Measures\n")
    parts.append(
        table(
            ["name", "in words", "summary", "unit"],
            [[f"`{item.name}`", item.title, item.summary, item.unit] for item in items],
        )
    )
    parts.append(_own_settings(measures))
    parts.append("## Sources of networks\n\n`--model SOURCE:NAME`; [your model](models.md).\n")
    lines = [[f"`{item.name}`", item.title, item.summary, item.package or "none"] for item in sources.each()]
    parts.append(table(["name", "in words", "summary", "package"], lines))
    parts.append(
        "## Exporters\n\n`datablame export NAME --out FILE`, `project.export(NAME, FILE)`, *Results out* on Overview, "
        "Retrain and History; [export.md](export.md) says how each is read elsewhere.\n"
    )
    lines = [[f"`{item.name}`", item.title, item.summary, _formats(item)] for item in exporters.each()]
    parts.append(table(["name", "in words", "what is in it", "formats"], lines))
    parts.append(_own_settings(exporters))
    return "\n".join(parts)


def _formats(item: Any) -> str:
    """What an exporter is written as."""
    return ", ".join(suffix or "a folder" for suffix in item.formats)


def _settings() -> list[type]:
    """The settings of a project's data, model and training, then those of each study, by its name."""
    own = [config.DataConfig, config.ModelConfig, config.TrainConfig]
    return list(dict.fromkeys([*own, *(studies.get(name).config for name in studies.names())]))


def _own_settings(registry: Registry) -> str:
    """What plug-ins can be asked for beyond what all of them can; those that mean the same share a line."""
    lines: dict[tuple[str, ...], list[str]] = {}
    for item in registry.each():
        for field, default, text, limits in config.fields_of(getattr(item, "Settings", NoSettings)):
            told = (f"`{field}`", repr(default) if default != "" else "empty", text, limits or "any")
            lines.setdefault(told, []).append(f"`{item.name}`")
    if not lines:
        return ""
    rows = [[told[0], ", ".join(owners), *told[1:]] for told, owners in lines.items()]
    heads = ["setting", f"of the {registry.kind}s", "default", "meaning", "range"]
    return f"### Settings of their own\n\n{table(heads, rows)}"


def _flags(verb: str) -> list[list[str]]:
    """The flags of one verb, for those whose flags are not settings."""
    shown = [one for one in get_command(cli).commands[verb].params if getattr(one, "help", "")]
    return [
        [", ".join(f"`{word}`" for word in (*one.opts, *one.secondary_opts)), _plain(one.default), one.help]
        for one in shown
    ]


def _plain(default: Any) -> str:
    return "empty" if default in ("", None) else {True: "on", False: "off"}.get(default, str(default))


def _asked(item: Any) -> str:
    """A word on detectors that an ordinary search leaves out."""
    return "" if getattr(item, "default", True) else " (on request)"
