"""Early stopping: the weights of the lowest validation loss are kept, and the run ends as if it had ended there."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

from attribution.errors import UserError
from attribution.settings.configs import TrainConfig
from attribution.training.state import TrainingState, clone

if TYPE_CHECKING:
    import numpy as np


def check_patience(config: TrainConfig, validation: "np.ndarray") -> None:
    """``UserError`` for a patience without validation samples to be patient about."""
    if config.patience and not len(validation):
        raise UserError(
            f"patience is {config.patience} and there are no validation samples.",
            "The training stops when their loss no longer falls.",
            "Hold some out (val_fraction, or a split column), or set patience to 0.",
        )


def note_best(state: TrainingState, config: TrainConfig) -> None:
    """After an epoch: keep the weights where the validation loss was never lower."""
    if not config.patience:
        return
    (loss,) = [one["loss"] for one in state.metrics if (one["epoch"], one["split"]) == (state.epoch, "val")]
    if loss < state.best.get("loss", math.inf):
        with state.asked() as model:
            weights = clone(model)
        told = {"loss": float(loss), "epoch": state.epoch, "step": state.step, "lr_sum": state.lr_sum}
        state.best = {**told, "weights": weights}


def going(state: TrainingState, config: TrainConfig) -> bool:
    """Whether another epoch is to come."""
    patient = not config.patience or not state.best or state.epoch - state.best["epoch"] < config.patience
    return state.epoch < config.epochs and patient


def back_to_best(state: TrainingState, run: Path | None = None) -> int:
    """After the last epoch: the model has the weights that are kept; the epoch that they are of.

    The course after it is forgotten, and so are its checkpoints in the folder ``run``.
    """
    if not state.best:
        if state.average:
            state.model.load_state_dict(state.average)
            state.average = {}
        return state.epoch
    last = int(state.best["epoch"])
    state.model.load_state_dict(state.best["weights"])
    state.average = {}
    state.metrics = [one for one in state.metrics if one["epoch"] <= last]
    state.losses = state.losses[:last]
    later = [one for one in state.checkpoints if one["epoch"] > last]
    if run is not None:
        for one in later:
            (run / "checkpoints" / one["file"]).unlink(missing_ok=True)
    state.checkpoints = [one for one in state.checkpoints if one["epoch"] <= last]
    state.epoch, state.step, state.lr_sum = last, int(state.best["step"]), float(state.best["lr_sum"])
    return last
