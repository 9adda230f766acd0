"""The command line's root: each module beside this one adds its verbs to ``cli``."""

from typing import Any

import typer
from typer.core import TyperGroup


class Verbs(TyperGroup):
    """The verbs that are written here. Any other word is looked for among the studies: a study's own name where its
    verb is called otherwise, and the studies of plug-ins."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        found = super().get_command(ctx, cmd_name)
        if found is not None or cmd_name.startswith("-"):
            return found
        from attribution.cli.made import verb_of
        from attribution.studies import studies

        known = next((one for one in map(studies.get, studies.names()) if cmd_name in (one.name, one.alias)), None)
        if known is None:
            return None
        return (known.alias and super().get_command(ctx, known.alias)) or verb_of(known.name)


cli = typer.Typer(
    name="datablame",
    cls=Verbs,
    help="Git blame for training data: find the samples behind a prediction, fix labels, retrain, see proof.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
