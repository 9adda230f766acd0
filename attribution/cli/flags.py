"""Command-line flags made from the config dataclasses: one per field, with its help and default."""

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from attribution.errors import UserError
from attribution.settings.configs import DataConfig, ModelConfig, TrainConfig
from attribution.settings.lists import entries, written
from attribution.settings.options import WithOptions, every_field, fields_for, foreign
from attribution.settings.ranges import Options, checked, entry_type, words

PLUGINS = "Settings of estimators and measures"
OWN = "own_"  # before the flag of a plug-in's setting that is called as one of the verb's own


def configured(*configs: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a verb one flag per field of its config dataclasses; the verb receives the built configs first."""

    def decorate(verb: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(verb, eval_str=True).parameters.values())[len(configs) :]
        flags = [_flag(item, config) for config in configs for item in _common(config)]
        flags += _plugin_flags(configs, {flag.name for flag in (*own, *flags)})

        def run(**values: Any) -> None:
            built = [config(**_take(values, config)) for config in configs]
            verb(*built, **values)

        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + flags
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        run.__doc__, run.__name__ = verb.__doc__, verb.__name__
        return run

    return decorate


def _common(config: type) -> "list[dataclasses.Field[Any]]":
    """The fields of a config that have a flag each: all but ``options``."""
    return [item for item in dataclasses.fields(config) if entry_type(item) is not Options]


def _plugin_flags(configs: Sequence[type], taken: set[str]) -> list[inspect.Parameter]:
    """The flags for what the plug-ins that the configs may name can be asked for."""
    found = [pair for config in configs if issubclass(config, WithOptions) for pair in every_field(config).items()]
    return [_plugin_flag(OWN + name if name in taken else name, owners) for name, owners in found]


def _plugin_flag(name: str, owners: "dict[str, dataclasses.Field[Any]]") -> inspect.Parameter:
    """A command-line option for a setting that plug-ins have, with what each means by it and its usual value."""
    by_words: dict[str, list[str]] = {}
    for owner, item in owners.items():
        choices = words(item) and not item.metadata.get("choices")
        usual = f"usual value {item.default!r}" if item.default != "" else "usually empty"
        text = f"{item.metadata['help']} ({f'{words(item)}; ' if choices else ''}{usual})"
        by_words.setdefault(text, []).append(owner)
    help = " ".join(f"{', '.join(names)}: {text}" for text, names in by_words.items())
    kinds = {entry_type(item) for item in owners.values()}
    kind = kinds.pop() if len(kinds) == 1 else str
    option = typer.Option(f"--{name.replace('_', '-')}", help=help, rich_help_panel=PLUGINS, show_default=False)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


def _flag(item: "dataclasses.Field[Any]", config: type) -> inspect.Parameter:
    """A command-line option for one config field. Tuples are given with commas; model and data fields that would clash
    get a prefix."""
    name = _flag_name(item.name, config)
    default = item.default
    kind = str if isinstance(default, tuple) else type(default)
    shown = written(str(value) for value in default) if isinstance(default, tuple) else default  # type: ignore[union-attr]
    # Those stand in the help.
    range_words = "" if item.metadata.get("choices") or item.metadata.get("device") else words(item)
    option = typer.Option(
        f"--{name.replace('_', '-')}", help=item.metadata["help"] + (f" ({range_words})" if range_words else "")
    )
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=shown, annotation=Annotated[kind, option])


def _flag_name(field: str, config: type) -> str:
    names = {
        ("name", ModelConfig): "model",
        ("seed", DataConfig): "split_seed",
        ("checkpoints", TrainConfig): "keep_checkpoints",
    }
    return names.get((field, config), field)


def given(context: typer.Context, config: Any) -> dict[str, Any]:
    """The settings of a verb's ``config`` whose flags stood on the command line, be it with their default value."""
    names = {item.name: _flag_name(item.name, type(config)) for item in dataclasses.fields(config)}
    sources = {name: context.get_parameter_source(flag) for name, flag in names.items()}
    return {
        name: getattr(config, name)
        for name, source in sources.items()
        if source is not None and source.name != "DEFAULT"
    }


def _take(values: dict[str, Any], config: type) -> dict[str, Any]:
    """This config's values out of all flags; a value outside its range is named as the flag that it came by."""
    taken: dict[str, Any] = {}
    for item in _common(config):
        name = _flag_name(item.name, config)
        value = values.pop(name)
        flag = f"--{name.replace('_', '-')}"
        if isinstance(item.default, tuple):
            kind = entry_type(item)
            try:
                value = tuple(kind(part) for part in entries(str(value)))
            except ValueError:
                word = "whole numbers" if kind is int else "numbers"
                example = ",".join(map(str, item.default or (10, 50)))
                raise UserError(
                    f"{flag} {value!r} is not a list of {word}.", "", f"Write for example {example}."
                ) from None
        taken[item.name] = checked(item, value, flag)
    if issubclass(config, WithOptions):
        taken["options"] = _take_options(values, config(**taken))
    return taken


def _take_options(values: dict[str, Any], config: WithOptions) -> dict[str, Any]:
    """The plug-ins' settings that were given; one that belongs to none of the plug-ins named is refused by its flag."""
    known, taken = fields_for(config), {}
    for name in every_field(type(config)):
        flag_name = OWN + name if OWN + name in values else name
        value, flag = values.pop(flag_name), f"--{flag_name.replace('_', '-')}"
        if value is None:
            continue
        if name not in known:
            raise foreign(config, name, flag)
        taken[name] = checked(known[name], value, flag)
    return taken
