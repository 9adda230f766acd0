"""The verb that rewinds a training: the spikes in the loss of its steps, and the samples behind one."""

from typing import Annotated

import typer

from attribution.cli.common import ProjectOption, command, open_project
from attribution.cli.root import cli


@cli.command()
def rewind(
    project: ProjectOption = "",
    run: Annotated[str, typer.Option(help="Run; empty: the current one.")] = "",
    step: Annotated[int, typer.Option(help="List the samples in the batch of this step; 0: list the spikes.")] = 0,
) -> None:
    """Steps of a training whose loss stands out, and the samples that were in a step's batch."""
    opened = open_project(project)
    rewound = opened.rewind(opened.models.need(run))
    if step:
        typer.echo(rewound.table(step).to_string(index=False, float_format="%.4g"))
        return
    found = rewound.spikes
    if len(found):
        shown = found[["step", "epoch", "loss", "above"]].rename(columns={"above": "spreads above"})
        typer.echo(shown.to_string(index=False, float_format="%.4g"))
        again = command("rewind", opened, "--step", str(found["step"].iloc[0]))
        typer.echo(f"{len(found)} of {len(rewound.steps):,} steps stand out; the samples behind the first: `{again}`")
        return
    typer.echo(f"None of {len(rewound.steps):,} steps stands out from its neighbours.")
