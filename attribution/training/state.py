"""An unfinished training on disk: after every epoch all that is needed to go on as if nothing had happened."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from attribution.errors import UserError
from attribution.models.base_kept import left_out
from attribution.storage.files import whole_file

LATER = ("average", "best", "losses")  # only where there are any
KEPT = ("epoch", "step", "lr_sum", "seconds_s", "checkpoints", "metrics")


@dataclass
class TrainingState:
    """Weights, optimiser and what was measured after ``epoch`` epochs, kept in ``RUN/.state``.

    ``lr_sum`` is the sum of learning rates since the last checkpoint. Random state is not part of it: every epoch seeds
    its own. ``average`` are the moving averages of the weights where the recipe asks for them, ``best`` the weights of
    the lowest validation loss so far (``training.early``), ``losses`` that of every step, a list an epoch.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    epoch: int = 0
    step: int = 0
    lr_sum: float = 0.0
    seconds_s: float = 0.0
    checkpoints: list[dict[str, Any]] = field(default_factory=list)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    average: dict[str, Tensor] = field(default_factory=dict)
    best: dict[str, Any] = field(default_factory=dict)
    losses: list[list[float]] = field(default_factory=list)

    @contextmanager
    def asked(self) -> Iterator[nn.Module]:
        """The model with the weights that are measured and kept: the averages where there are any; the last ones are
        back afterwards."""
        if not self.average:
            yield self.model
            return
        own = clone(self.model)
        self.model.load_state_dict(self.average)
        try:
            yield self.model
        finally:
            self.model.load_state_dict(own)

    def save(self, run: Path, dynamics: pd.DataFrame | None) -> None:
        """Write the state after an epoch; ``dynamics`` is that epoch's table. The state file comes last and is the
        truth."""
        if dynamics is not None:
            with whole_file(_part(run, self.epoch)) as temporary:
                dynamics.to_parquet(temporary, index=False)
        values = {name: getattr(self, name) for name in KEPT}
        values |= {"model": _changing(self.model), "optimizer": self.optimizer.state_dict()}
        values |= {name: kept for name in LATER if (kept := getattr(self, name))}
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
            self.model.load_state_dict({**self.model.state_dict(), **values.pop("model")})
            self.optimizer.load_state_dict(values.pop("optimizer"))
            known = {name: values[name] for name in KEPT} | {name: values[name] for name in LATER if name in values}
        except Exception as error:  # a damaged file can make the reader raise anything
            raise UserError(
                f"The unfinished training in {run} cannot be read ({type(error).__name__}).",
                "It cannot go on from where it stopped.",
                f"Delete {run / '.state'}, and train again: it starts from the first epoch.",
            ) from error
        for name, value in known.items():
            setattr(self, name, value)
        here = {name: value.device for name, value in self.model.state_dict().items()}
        self.average = {name: value.to(here[name]) for name, value in self.average.items()}
        return True

    def dynamics(self, run: Path, last: int) -> pd.DataFrame:
        """The tables of the epochs up to ``last``, one after the other."""
        return pd.concat([pd.read_parquet(_part(run, epoch)) for epoch in range(1, last + 1)], ignore_index=True)

    @staticmethod
    def remove(run: Path) -> None:
        """Forget the state of a finished training."""
        shutil.rmtree(run / ".state", ignore_errors=True)


def clone(model: nn.Module) -> dict[str, Tensor]:
    """All values of a model's state, copied."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def _changing(model: nn.Module) -> dict[str, Tensor]:
    """A model's state without the frozen base that it is built with."""
    base = set(left_out(model))
    return {name: value for name, value in model.state_dict().items() if name not in base}


def _part(run: Path, epoch: int) -> Path:
    return run / ".state" / f"dynamics-{epoch:04d}.parquet"
