"""Command-line flags made from the config dataclasses: one per field, with its help and default."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from attribution.cli.plugin_flags import options_flag, take_options
from attribution.errors import UserError
from attribution.settings.flag_names import flag_name
from attribution.settings.lists import entries, written
from attribution.settings.options import WithOptions
from attribution.settings.ranges import Options, checked, entry_type, words


def configured(*configs: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a verb one flag per field of its config dataclasses; the verb receives the built configs first."""

    def decorate(verb: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(verb, eval_str=True).parameters.values())[len(configs) :]
        flags = [_flag(item, config) for config in configs for item in _common(config)]

        def run(**values: Any) -> None:
            built = [config(**_take(values, config)) for config in configs]
            verb(*built, **values)

        flags += [options_flag() for config in configs if issubclass(config, WithOptions)]
        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + flags
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        run.__doc__, run.__name__ = verb.__doc__, verb.__name__
        return run

    return decorate


def _common(config: type) -> "list[dataclasses.Field[Any]]":
    """The fields of a config that have a flag each: all but ``options``."""
    return [item for item in dataclasses.fields(config) if entry_type(item) is not Options]


def _flag(item: "dataclasses.Field[Any]", config: type) -> inspect.Parameter:
    """A command-line option for one config field. Tuples are given with commas; model and data fields that would clash
    get a prefix."""
    name = flag_name(item.name, config)
    default = item.default
    kind = str if isinstance(default, tuple) else type(default)
    shown = written(str(value) for value in default) if isinstance(default, tuple) else default  # type: ignore[union-attr]
    # Those stand in the help.
    range_words = "" if item.metadata.get("choices") or item.metadata.get("device") else words(item)
    option = typer.Option(
        f"--{name.replace('_', '-')}", help=item.metadata["help"] + (f" ({range_words})" if range_words else "")
    )
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=shown, annotation=Annotated[kind, option])


def given(context: typer.Context, config: Any) -> dict[str, Any]:
    """The settings of a verb's ``config`` whose flags stood on the command line, be it with their default value."""
    names = {item.name: flag_name(item.name, type(config)) for item in dataclasses.fields(config)}
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
        name = flag_name(item.name, config)
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
        taken["options"] = take_options(values, config(**taken))
    return taken
