"""An unfinished training on disk: after every epoch all that is needed to go on as if nothing had happened."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from attribution.errors import UserError
from attribution.storage.files import whole_file

KEPT = ("epoch", "step", "lr_sum", "seconds_s", "checkpoints", "metrics")


@dataclass
class TrainingState:
    """Weights, optimiser and what was measured after ``epoch`` epochs, kept in ``RUN/.state``.

    ``lr_sum`` is the sum of learning rates since the last checkpoint. Random state is not part of it: every epoch seeds
    its own.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    epoch: int = 0
    step: int = 0
    lr_sum: float = 0.0
    seconds_s: float = 0.0
    checkpoints: list[dict[str, Any]] = field(default_factory=list)
    metrics: list[dict[str, Any]] = field(default_factory=list)

    def save(self, run: Path, dynamics: pd.DataFrame | None) -> None:
        """Write the state after an epoch; ``dynamics`` is that epoch's table. The state file comes last and is the
        truth."""
        if dynamics is not None:
            with whole_file(_part(run, self.epoch)) as temporary:
                dynamics.to_parquet(temporary, index=False)
        values = {name: getattr(self, name) for name in KEPT}
        values |= {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        with whole_file(run / ".state" / "state.pt") as temporary:
            torch.save(values, temporary)

    def resume(self, run: Path) -> bool:
        """Continue from the last finished epoch if there is one; says whether there was. ``UserError`` for a damaged
        file."""
        path = run / ".state" / "state.pt"
        if not path.is_file():
            return False
        try:
            values = torch.load(path, map_location="cpu", weights_only=True)
            self.model.load_state_dict(values.pop("model"))
            self.optimizer.load_state_dict(values.pop("optimizer"))
            known = {name: values[name] for name in KEPT}
        except Exception as error:  # a damaged file can make the reader raise anything
            raise UserError(
                f"The unfinished training in {run} cannot be read ({type(error).__name__}).",
                "It cannot go on from where it stopped.",
                f"Delete {run / '.state'}, and train again: it starts from the first epoch.",
            ) from error
        for name, value in known.items():
            setattr(self, name, value)
        return True

    def dynamics(self, run: Path) -> pd.DataFrame:
        """The tables of all epochs so far, one after the other."""
        return pd.concat([pd.read_parquet(_part(run, epoch)) for epoch in range(1, self.epoch + 1)], ignore_index=True)

    @staticmethod
    def remove(run: Path) -> None:
        """Forget the state of a finished training."""
        shutil.rmtree(run / ".state", ignore_errors=True)


def _part(run: Path, epoch: int) -> Path:
    return run / ".state" / f"dynamics-{epoch:04d}.parquet"
