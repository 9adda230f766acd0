"""Verbs made from studies: one flag per setting, the work here or as a job, and what is said of its result."""

import inspect
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_command_from_info
from typer.models import CommandInfo

from attribution.cli.common import HereOption, JobOption, ProjectOption, do, open_project
from attribution.cli.flags import configured
from attribution.cli.root import cli
from attribution.studies import named
from attribution.studies.base import Study

Says = Callable[..., None]


def says(kind: type[Study[Any]], first: Says | None = None) -> Callable[[Says], Says]:
    """Make the verb of a study from the function that says its result: ``say(project, result, ...)``. Its docstring is
    the verb's help, and what it takes beside the two are flags of its own. ``first(project, config)`` says what is to
    be known before the work."""

    def decorate(say: Says) -> Says:
        study = kind()
        cli.command(study.alias or study.name)(_verb(study, say, first))
        return say

    return decorate


def _verb(study: Study[Any], say: Says, before: Says | None = None) -> Callable[..., None]:
    """The verb: flags, work, words."""
    own = list(inspect.signature(say, eval_str=True).parameters.values())[2:]

    def run(config: Any, project: str, job: bool, here: bool = False, **shown: Any) -> None:
        opened = open_project(project)
        for words in study.warnings(opened):
            typer.echo(words, err=True)
        if before is not None:
            before(opened, config)
        result = do(opened, study.name, config, job, here)
        if result is not None:
            say(opened, result, **shown)

    flags = [_flag("project", ProjectOption, ""), *own]
    flags += [_flag("here", HereOption, False)] if study.trains else []
    flags += [_flag("job", JobOption, False)]
    first = inspect.Parameter("config", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=study.config)
    run.__signature__ = inspect.Signature([first, *flags])  # type: ignore[attr-defined]
    run.__doc__ = say.__doc__
    run.__name__ = study.name
    return configured(study.config)(run)


def _flag(name: str, kind: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=kind)


def verb_of(name: str) -> Any:
    """The verb of a study that nobody wrote one for, as of an installed plug-in."""
    study = named(name)

    def say(project: Any, result: Any) -> None:
        typer.echo(f"{study.name} {result.id}")
        if verdict := getattr(result, "verdict", ""):
            typer.echo(verdict)

    say.__doc__ = study.__doc__
    return get_command_from_info(
        CommandInfo(name, cls=TyperCommand, callback=_verb(study, say)),
        pretty_exceptions_short=False,
        rich_markup_mode=None,
    )
