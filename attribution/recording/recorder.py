"""The recorder: buffers while a step runs, one table and one checkpoint after every epoch."""

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn, optim

from attribution.errors import UserError
from attribution.models.checkpoints import save_checkpoint
from attribution.recording import layout
from attribution.recording.asking import Answer, asked
from attribution.recording.settings import RecordConfig
from attribution.recording.wrapped import WithIds
from attribution.settings.configs import to_dict
from attribution.storage.files import whole_file, write_json
from attribution.tasks import task_class
from attribution.tasks.base import Task
from attribution.tasks.given import values_from
from attribution.training.measured import dynamics_of

HELD = 1 << 24  # numbers of outputs that are held on the device before they are copied away


@final
class Recorder:
    """Writes a training loop down (``attribution.record``). Its folder is whole after every epoch: what a crash
    interrupts is that epoch alone."""

    def __init__(
        self,
        folder: Path,
        model: nn.Module,
        ids: Sequence[Any] | None,
        optimizer: optim.Optimizer | None,
        config: RecordConfig,
    ) -> None:
        self.folder = folder
        self.model = model
        self.optimizer = optimizer
        self.config = config
        self.ids = None if ids is None else list(ids)
        self.task: Task = task_class({"name": config.task})(to_dict(config)["classes"])
        self._place: dict[str, int] = {}
        self._state = layout.begun(folder, config.resume)
        self._state |= {"config": to_dict(config)}
        for name in self.ids if self.ids is not None else layout.ids_of(folder) if self._state["epochs"] else ():
            self._place.setdefault(str(name), len(self._place))
        if self.ids is not None and len(self._place) != len(self.ids):
            raise UserError(
                "Some of the ids are the same.", "Each sample is recorded under its own.", "Make them differ."
            )
        self._clear()

    def _clear(self) -> None:
        self._held: list[tuple[Any, Tensor, Any]] = []  # ids, outputs, targets of batches
        self._size = 0
        self._order: list[Any] = []
        self._parts: list[pd.DataFrame] = []
        self._rates: list[float] = []
        self._started_s = time.monotonic()

    def wrap(self, dataset: Any) -> WithIds:
        """The dataset with the id of each sample behind its item: ``(x, y)`` becomes ``(x, y, id)``."""
        ids = list(range(len(dataset))) if self.ids is None else self.ids
        if len(ids) != len(dataset):
            raise UserError(
                f"There are {len(ids):,} ids for {len(dataset):,} samples.", "Each has its own.", "Give an id for each."
            )
        return WithIds(dataset, ids)

    def log(self, ids: Any, outputs: Any = None, targets: Any = None) -> None:
        """One step: its ids in order, and what the model said of them. Only references are kept, and the optimiser's
        learning rate is read: call it before the scheduler's step."""
        self._order.append(ids)
        if self.optimizer is not None:
            self._rates.append(float(self.optimizer.param_groups[0]["lr"]))
        if outputs is not None:
            self._hold(ids, outputs, targets)

    def step(self) -> None:
        """One step whose ids are not known: its learning rate is counted."""
        self._order.append(())
        if self.optimizer is not None:
            self._rates.append(float(self.optimizer.param_groups[0]["lr"]))

    def epoch(
        self,
        *,
        lr: float | None = None,
        evaluate: Iterable[Any] | None = None,
        forward: Callable[[Any], Answer] | None = None,
    ) -> None:
        """End an epoch: its table and the weights are written.

        ``evaluate``: a loader of the training set whose batches are ``(inputs ..., targets, ids)``. One pass over it in
        eval mode, without gradients and with the random state left as it was, gives the epoch's record, as our own
        training makes it; without, the record is what ``log`` was given while the weights changed. ``forward(batch)``
        returns outputs, targets and ids where batches are of another form. ``lr`` where no optimiser was given.
        """
        if evaluate is not None:
            self._drop_logged()
            with self._eval_mode():
                for batch in evaluate:
                    outputs, targets, ids = (forward or asked(self.model))(batch)
                    self._hold(ids, outputs, targets)
        self._flush()
        if not self._parts:
            raise UserError(
                "Nothing was logged in this epoch.", "There is nothing to write.", "Call rec.log(ids, logits, y) in it."
            )
        self._write(lr, "evaluate" if evaluate is not None else "log")
        self._clear()

    def _hold(self, ids: Any, outputs: Any, targets: Any) -> None:
        found = self.task.outputs(outputs)
        if not isinstance(found, Tensor):
            raise UserError(
                f"The outputs are {type(found).__name__}.", "A tensor is recorded.", "Give rec.log(ids, logits, y)."
            )
        if targets is None:
            raise UserError("No targets were logged.", "The loss is of them.", "Give rec.log(ids, logits, y).")
        self._held.append((ids, found.detach(), targets))
        self._size += found.numel()
        if self._size > HELD:
            self._flush()

    def _drop_logged(self) -> None:
        self._held = []
        self._parts = []
        self._size = 0

    @contextmanager
    def _eval_mode(self) -> Any:
        modes = {name: module.training for name, module in self.model.named_modules()}
        self.model.eval()
        try:
            with torch.no_grad(), torch.random.fork_rng(devices=[]):
                yield
        finally:
            for name, module in self.model.named_modules():
                module.training = modes.get(name, module.training)

    def _flush(self) -> None:
        """What is held becomes lines of a table: one copy from the device."""
        if not self._held:
            return
        outputs = torch.cat([outputs for _, outputs, _ in self._held]).float().cpu()
        targets = np.concatenate([_array(targets) for _, _, targets in self._held])
        places = np.concatenate([self._places(ids) for ids, _, _ in self._held])
        if not len(outputs) == len(targets) == len(places):
            raise UserError(
                f"{len(places):,} ids, {len(outputs):,} outputs and {len(targets):,} targets were logged.",
                "They are about the same samples.",
                "Log those of one batch together.",
            )
        self._held = []
        self._size = 0
        if self.task.kind == "set" and not self.task.targets.names():
            self.task = type(self.task)([str(place) for place in range(outputs.shape[1])])
        values = values_from(self.task, targets)
        said = self.task.said(outputs, values)
        table = dynamics_of(self.task, said, values, places, len(self._state["epochs"]) + 1)
        self._parts.append(table.assign(target=values))

    def _places(self, ids: Any) -> np.ndarray:
        """The place of each id among those recorded (m,) int64; new ones are added where none were named at first."""
        names = [str(one) for one in (ids.tolist() if hasattr(ids, "tolist") else ids)]
        if self.ids is None:
            for name in names:
                self._place.setdefault(name, len(self._place))
        unknown = next((name for name in names if name not in self._place), None)
        if unknown is not None:
            raise UserError(
                f"{unknown!r} is none of the {len(self._place):,} ids that the recording began with.",
                "It would belong to no sample.",
                "Log the ids given to attribution.record, or give it none.",
            )
        return np.array([self._place[name] for name in names], dtype=np.int64)

    def _write(self, lr: float | None, how: str) -> None:
        epoch = len(self._state["epochs"]) + 1
        table = pd.concat(self._parts, ignore_index=True).drop_duplicates("row", keep="last").sort_values("row")
        order = [self._places(ids) for ids in self._order]
        _table(layout.epoch_file(self.folder, epoch), table)
        if any(len(part) for part in order):
            steps = np.repeat(np.arange(len(order)), [len(part) for part in order])
            lines = pd.DataFrame({"step": steps, "row": np.concatenate(order)})
            _table(layout.order_file(self.folder, epoch), lines.astype("int32"))
        _table(self.folder / layout.IDS, pd.DataFrame({"id": list(self._place)}))
        save_checkpoint(self.model, layout.weights_file(self.folder, epoch))
        rate = lr if lr is not None or not self._rates else float(np.mean(self._rates))
        line = {"epoch": epoch, "samples": len(table), "steps": len(order), "lr": rate, "how": how}
        line |= {"lr_sum": float(np.sum(self._rates)) if self._rates else None}
        line |= {"loss": float(table["loss"].mean()), "seconds_s": round(time.monotonic() - self._started_s, 3)}
        self._state["epochs"].append(line)
        self._state |= {"optimizer": _described(self.optimizer)}
        write_json(self.folder / layout.NAME, self._state)  # the last of its files, and the truth
        former = epoch - 1
        if former and former % self.config.every:
            layout.weights_file(self.folder, former).unlink(missing_ok=True)


def _described(optimizer: optim.Optimizer | None) -> dict[str, Any]:
    if optimizer is None:
        return {}
    group = optimizer.param_groups[0]
    kept = ("momentum", "weight_decay", "betas")
    plain = {name: group[name] for name in kept if isinstance(group.get(name), int | float | tuple)}
    return {"name": type(optimizer).__name__, **plain}


def _array(targets: Any) -> np.ndarray:
    return targets.detach().float().cpu().numpy() if _half(targets) else np.asarray(_cpu(targets))


def _half(targets: Any) -> bool:
    return isinstance(targets, Tensor) and targets.dtype in (torch.float16, torch.bfloat16)


def _cpu(targets: Any) -> Any:
    return targets.detach().cpu() if isinstance(targets, Tensor) else targets


def _table(path: Path, frame: pd.DataFrame) -> None:
    with whole_file(path) as temporary:
        frame.to_parquet(temporary, index=False)
