"""The command line's root: each module beside this one adds its verbs to ``cli``."""

import typer

cli = typer.Typer(
    name="datablame",
    help="Git blame for training data: find the samples behind a prediction, fix labels, retrain, see proof.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
