"""Entry point of ``datablame`` and ``python -m attribution``."""

import sys

import typer

from attribution.cli import cli
from attribution.cli.plain import harmless, harmless_output
from attribution.errors import Cancelled
from attribution.errors.boundary import in_words


def main() -> None:
    """Entry point: what the user or the machine did is three sentences and exit status 2; a bug keeps its traceback."""
    try:
        with harmless_output():
            cli()
    except (Cancelled, KeyboardInterrupt):
        typer.echo("stopped; what was finished is kept", err=True)
        sys.exit(130)
    except Exception as error:
        said = in_words(error)
        if said is None:
            raise
        for part in (said.what, said.why, said.do):
            if part:
                typer.echo(harmless(part), err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
