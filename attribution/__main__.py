"""Entry point of ``datablame`` and ``python -m attribution``."""

import sys

import typer

from attribution.cli import cli
from attribution.errors import Cancelled, UserError


def main() -> None:
    """Entry point: user errors are three sentences and exit status 2, never a traceback."""
    try:
        cli()
    except UserError as error:
        for part in (error.what, error.why, error.do):
            if part:
                typer.echo(part, err=True)
        sys.exit(2)
    except (Cancelled, KeyboardInterrupt):
        typer.echo("stopped; what was finished is kept", err=True)
        sys.exit(130)


if __name__ == "__main__":
    main()
