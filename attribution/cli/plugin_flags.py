"""Flags for what plug-ins can be asked for, made when their verb is called: no other verb waits for plug-ins."""

import dataclasses
import inspect
import json
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from attribution.settings.options import WithOptions, every_field, fields_for, foreign
from attribution.settings.ranges import checked, entry_type, words

PANEL = "Settings of estimators and measures"
OWN = "own_"  # before the flag of a plug-in's setting that is called as one of the verb's own


def with_plugins(config: type[WithOptions]) -> type[TyperCommand]:
    """The class of a verb that takes, beside its own flags, one per setting of the plug-ins that ``config`` may
    name."""

    class Verb(TyperCommand):
        def get_params(self, ctx: Any) -> list[Any]:
            common = super().get_params(ctx)
            return [*common, *_options(config, {one.name for one in common})]

        def invoke(self, ctx: Any) -> Any:
            """Those that were given reach the verb as its one flag for them."""
            names = [one.name for one in self.get_params(ctx)[len(super().get_params(ctx)) :]]
            given = {name: value for name in names if (value := ctx.params.pop(name)) is not None}
            ctx.params["options"] = json.dumps(given)
            return super().invoke(ctx)

    return Verb


def options_flag() -> inspect.Parameter:
    """The flag by which a verb is handed the settings of plug-ins; its users have one for each."""
    option = Annotated[str, typer.Option("--options", hidden=True, help="Settings of plug-ins, as JSON.")]
    return inspect.Parameter("options", inspect.Parameter.KEYWORD_ONLY, default="{}", annotation=option)


def take_options(values: dict[str, Any], config: WithOptions) -> dict[str, Any]:
    """The plug-ins' settings that were given; one that belongs to none of the plug-ins named is refused by its flag."""
    given = json.loads(values.pop("options"))
    known = fields_for(config) if given else {}
    taken = {}
    for flag_name, value in given.items():
        name = flag_name.removeprefix(OWN)
        flag = f"--{flag_name.replace('_', '-')}"
        if name not in known:
            raise foreign(config, name, flag)
        taken[name] = checked(known[name], value, flag)
    return taken


def _options(config: type, taken: set[str]) -> list[Any]:
    """The click options of all settings, made by Typer from the signature of a verb that has nothing else."""

    def verb(**values: Any) -> None:
        """Only its flags are wanted."""

    flags = [_flag(OWN + name if name in taken else name, owners) for name, owners in every_field(config).items()]
    verb.__signature__ = inspect.Signature(flags)  # type: ignore[attr-defined]
    verb.__annotations__ = {flag.name: flag.annotation for flag in flags}
    made = typer.Typer(add_completion=False)
    made.command()(verb)
    return list(typer.main.get_command(made).params)


def _flag(name: str, owners: "dict[str, dataclasses.Field[Any]]") -> inspect.Parameter:
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
    option = typer.Option(f"--{name.replace('_', '-')}", help=help, rich_help_panel=PANEL, show_default=False)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )
