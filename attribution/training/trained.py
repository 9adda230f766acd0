"""One trained run and one labelled version of the data, ready to be asked: models, engines, batches, and a count of
what was spent."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from attribution.errors import UserError
from attribution.gradients.capture import Loss, exact_kernels
from attribution.gradients.engine import GradientEngine
from attribution.models.devices import pick_device
from attribution.models.features import forward_features, inputs_of
from attribution.tasks.base import Task
from attribution.training.parts import attend

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset, Labels

_FEW = 4  # samples whose gradients tell the size of one
_MOST = 4096  # samples of a batch elsewhere than on a CPU
_TOGETHER_BYTES = 4 << 20  # of activations: what one vectorised pass may hold of a model that is bound by calls


def nobody() -> None:
    """Hears nothing."""


class TrainedModel:
    """What estimators and detectors ask.

    ``dataset`` and ``labels`` give inputs and current labels by row; ``run`` gives the checkpoints. Checkpoints are
    counted as in the run, -1 is the last one. Models are this object's own copies in eval mode. ``spent`` counts sample
    passes in units of one sample's forward pass (a backward pass counts two). ``asking`` holds the settings of
    measures: positive, epsilon (see ``Measure``). ``budget_bytes`` bounds what the engines keep on the way,
    ``autocast`` has their passes in bfloat16 (``GradientEngine``). ``batch_size`` samples go together on a CPU;
    elsewhere, where calls cost more than numbers, up to 4,096 whose activations fit ``budget_bytes``. ``share`` is
    below 1 where work is timed on a few of the training rows: what is kept in memory only where it fits is then decided
    as for all of them, nothing is kept on disk, and long work that does not depend on the rows may be left out and
    counted in ``owed_s``, CPU seconds by formula. ``layers`` and ``leaving`` name the weights that influence is of
    (``parts.attend``), of all that are trained if both are empty.
    """

    def __init__(
        self,
        dataset: "Dataset",
        labels: "Labels",
        run: Any,
        *,
        device: str = "auto",
        batch_size: int = 128,
        budget_bytes: int = 512 << 20,
        trusted: bool = False,
        asking: Mapping[str, Any] | None = None,
        autocast: bool = False,
        layers: Sequence[str] = (),
        leaving: Collection[str] = (),
    ) -> None:
        self.dataset = dataset.as_of(labels)
        self.labels = labels
        self.run = run
        self.device = pick_device(device)
        self._least = batch_size
        self.budget_bytes = budget_bytes
        self.trusted = trusted
        self.asking = dict(asking or {})
        self.autocast = autocast
        self.layers = tuple(layers)
        self.leaving = frozenset(leaving)
        self.share = 1.0
        self.owed_s = 0.0
        self.spent = 0.0
        self.heard: Callable[[], None] = (
            nobody  # told of every batch: long fits have no other place to say how far they are
        )
        self._payer: TrainedModel | None = None
        self._vectorised = True  # until it fails once
        self._models: dict[int, nn.Module] = {}
        self._engines: dict[tuple[int, Loss], GradientEngine] = {}

    @property
    def task(self) -> "Task":
        """What the model was trained for."""
        return self.dataset.task

    @cached_property
    def rows(self) -> np.ndarray:
        """The training rows that are not dropped, ascending int64."""
        return self.labels.train_rows(self.dataset)

    @cached_property
    def batch_size(self) -> int:
        """Samples that go through the model together."""
        if self.device.type == "cpu" or not len(self.rows):
            return self._least
        try:
            x, y = self.batch(self.rows[: self._least])
            saved = self.engine().plan(x, y).saved * x[0].numel()
        except UserError:  # a model without gradients of single samples: what needs them says so
            return self._least
        return max(self._least, min(_MOST, int(self.budget_bytes / max(1.0, saved))))

    @cached_property
    def weights(self) -> list[float]:
        """TracInCP weight of every checkpoint, oldest first; ``UserError`` for a run of predictions alone."""
        if not self.asks_model:
            raise self.run.no_weights()
        return [float(weight) for _, weight in self.run.checkpoints]

    @property
    def asks_model(self) -> bool:
        """Whether there is a model to ask; else the run is predictions alone."""
        return bool(self.run.checkpoints)

    def owe(self, cpu_s: float) -> None:
        """Add CPU seconds for work that was left out, as its time is known."""
        self.owed_s += cpu_s

    def count(self, passes: float) -> None:
        """Add sample passes to the bill; whoever listens may end the work here."""
        self.spent += passes
        self.heard()
        if self._payer is not None:
            self._payer.count(passes)

    def like(self, run: Any = None, model: nn.Module | None = None, dataset: "Dataset | None" = None) -> "TrainedModel":
        """The same settings asked of another run, of ``model`` as the last checkpoint, or, by this one's models, about
        ``dataset``, the same samples with questions; what it spends counts here too."""
        other = TrainedModel(
            self.dataset if dataset is None else dataset,
            self.labels,
            self.run if run is None else run,
            device=str(self.device),
            batch_size=self._least,
            budget_bytes=self.budget_bytes,
            trusted=self.trusted,
            asking=self.asking,
            autocast=self.autocast,
            layers=self.layers,
            leaving=self.leaving,
        )
        other._payer = self
        other.share = self.share
        if dataset is not None and run is None:
            other._models = self._models
        if model is not None:
            other._models[len(other.weights) - 1] = model.to(self.device).eval()
        return other

    def known(self) -> "TrainedModel":
        """This, or the same over the weights whose gradients have closed forms, where some have none: for what knows
        layers by their inputs and output gradients."""
        few = self.rows[:3]
        others = self.engine().plan(*self.batch(few)).others if len(few) else ()
        if not others:
            return self
        narrowed = self.like()
        narrowed.leaving = self.leaving | set(others)
        return narrowed

    @cached_property
    def siblings(self) -> list[Any]:
        """The other finished runs that differ from this one by their seed alone, by seed."""
        return list(self.run.siblings())

    def model(self, checkpoint: int = -1) -> nn.Module:
        """The model at a checkpoint, in eval mode on this subject's device; loaded once."""
        index = checkpoint % len(self.weights)
        if index not in self._models:
            model = self.run.model(index, self.dataset, self.trusted)
            self._models[index] = attend(model, self.layers, self.leaving).to(self.device).eval()
        return self._models[index]

    def engine(self, checkpoint: int = -1, measure: Loss | None = None) -> GradientEngine:
        """The gradient engine of a checkpoint; ``measure(outputs, targets) -> (b,)`` is what it differentiates, by
        default the task's loss."""
        measure = measure or self.task.loss
        key = (checkpoint % len(self.weights), measure)
        if key not in self._engines:
            autocast = torch.bfloat16 if self.autocast else None
            self._engines[key] = GradientEngine(
                self.model(checkpoint), measure, budget_bytes=self.budget_bytes, autocast=autocast
            )
        return self._engines[key]

    def parameters(self, checkpoint: int = -1) -> dict[str, Tensor]:
        """The parameters that influence covers, by name, detached."""
        covered = set(self.engine(checkpoint).covered)
        return {name: value.detach() for name, value in self.model(checkpoint).named_parameters() if name in covered}

    def parameter_bytes(self) -> int:
        """Memory of one gradient over the covered parameters."""
        return sum(value.numel() * value.element_size() for value in self.parameters().values())

    @cached_property
    def gradient_bytes(self) -> int:
        """Memory of one sample's gradient as the engine keeps it for a query: by factors where these are smaller.

        Measured on a few training samples and rounded up to a sixteenth, so that other processors find the same.
        """
        few = self.rows[:_FEW]
        if not len(few):
            return self.parameter_bytes()
        try:
            kept = self.engine().queries(*self.batch(few)).nbytes / len(few)
        except UserError:  # a model without gradients of single samples: what needs them says so
            return self.parameter_bytes()
        step = 2 ** max(0, int(kept).bit_length() - 5)
        return min(self.parameter_bytes(), int(-(-kept // step) * step))

    def batch(self, rows: Any) -> tuple[Tensor, Tensor]:
        """Inputs and current targets of these rows on the device, as the task's loss takes them; floating numbers have
        the model's precision."""
        rows = np.asarray(rows, dtype=np.int64)
        x = self.dataset.tensor(rows, self.device, inputs_of(self.model()))
        first = next(self.model().parameters(), None)
        y = self.task.tensor(self.labels.at(rows), self.device)
        if first is not None:
            x, y = (part.to(first.dtype) if part.is_floating_point() else part for part in (x, y))
        return x, y

    def batches(self, rows: Any) -> Iterator[tuple[Tensor, Tensor]]:
        """The rows in order, ``batch_size`` at a time."""
        for start in range(0, len(rows), self.batch_size):
            yield self.batch(rows[start : start + self.batch_size])

    def recorded_representation(self, rows: Any) -> np.ndarray:
        """What the final model sees in these rows (b, d) float64: the input of its last linear layer, as the run
        recorded it; of questions, which no run records, it is asked."""
        rows = np.asarray(rows, dtype=np.int64)
        if (rows >= len(self.dataset)).any():
            return self.representation(rows).astype(np.float64)
        return np.asarray(self.run.representation()[rows], dtype=np.float64)

    def losses(self, x: Tensor, y: Tensor, parameters: dict[str, Tensor], measure: Loss | None = None) -> Tensor:
        """Per-sample losses (b,), or another ``measure``, of the last checkpoint's model with other parameters in
        place; no gradients."""
        measure = measure or self.task.loss
        with torch.no_grad():
            self.count(len(y))
            with exact_kernels(self.model()):
                return measure(functional_call(self.model(), parameters, (x,)), y)

    def losses_of_many(
        self, x: Tensor, y: Tensor, parameters: dict[str, Tensor], measure: Loss | None = None
    ) -> Tensor:
        """The same at each of several parameters, name -> ``(k, *shape)``: ``(k, b)``.

        Models so small that calls cost more than numbers are asked at many parameters in one vectorised pass.
        """
        asked = measure or self.task.loss
        k = len(next(iter(parameters.values())))
        together = self._together(x, y) if self._vectorised else 1
        parts = []
        for start in range(0, k, together):
            block = {name: values[start : start + together] for name, values in parameters.items()}
            if together > 1 and self._vectorised:
                try:
                    with torch.no_grad(), exact_kernels(self.model()):
                        parts.append(vmap(lambda own: asked(functional_call(self.model(), own, (x,)), y))(block))
                    self.count(len(parts[-1]) * len(y))
                    continue
                except RuntimeError:  # an operation that cannot be vectorised, or too little memory
                    self._vectorised = False
            parts += [
                self.losses(x, y, {name: values[i] for name, values in block.items()}, asked)[None]
                for i in range(min(together, k - start))
            ]
        return torch.cat(parts)

    def _together(self, x: Tensor, y: Tensor) -> int:
        """At how many parameters a batch is asked at once: as many as keep its activations small."""
        # Elsewhere calls are dear and memory is there.
        most = _TOGETHER_BYTES if x.device.type == "cpu" else self.budget_bytes // 4
        return max(1, int(most / max(1.0, self.engine().plan(x, y).saved * x.numel())))

    def representation(self, rows: Any, checkpoint: int = -1) -> np.ndarray:
        """What the last layer is given (n, d) float32 for these rows at a checkpoint; one forward pass. Of a run of
        predictions alone: what came with them."""
        if not self.asks_model:
            return np.array(self.run.representation()[np.asarray(rows, dtype=np.int64)], dtype=np.float32)
        model = self.model(checkpoint)
        with torch.no_grad(), exact_kernels(model):
            parts = [forward_features(model, x)[1].float().cpu().numpy() for x, _ in self.batches(rows)]
        self.count(len(rows))
        return np.concatenate(parts)
