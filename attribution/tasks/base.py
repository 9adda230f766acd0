"""What every task says: its loss per sample, the curvature of its outputs, its targets, and the figures of a proof."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from attribution.errors import UserError
from attribution.settings.ranges import Settings
from attribution.tasks.figure import Figure
from attribution.tasks.targets import KINDS, Targets

if TYPE_CHECKING:
    import torch
    from torch import Tensor


DATA = ("mean", "std", "unit")  # what ``DatasetInfo.task`` says of the targets, beside the task's own settings


class Described(Protocol):
    """What a task is told of the data: ``DatasetInfo`` says it."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes or labels; empty for numbers."""

    @property
    def task(self) -> dict[str, Any]:
        """``{"name", **settings, **DATA}``; empty for plain classification."""


@dataclass(frozen=True)
class NoSettings(Settings):
    """For a task without settings."""


class Task(ABC):
    """What is learned from the targets. One file each; ``attribution.tasks.tasks`` lists them.

    ``outputs`` are what the model returns, ``(b, ...)``; ``targets`` are as ``self.targets.for_model`` makes them,
    ``(b, ...)``. A subclass needs ``loss``, ``predict``, ``figures``, ``chance`` and ``out_features``; each further
    method makes more of the house answer for it: without ``root`` and ``draw`` curvature is the empirical Fisher, and
    results say so.

    This file and those beside it are imported by what only reads results, so torch is imported inside the methods.
    """

    name: ClassVar[str]
    title: ClassVar[str]  # plain words for the user
    summary: ClassVar[str]
    kind: ClassVar[str]  # of its targets: "class", "number", "set" or "text" (``tasks.targets``)
    Settings: ClassVar[type[Any]] = NoSettings  # a frozen dataclass with help and ranges, in the task's file
    kept_file: ClassVar[str] = "outputs.npy"  # what a run keeps of every sample (``kept``)
    formula: ClassVar[str] = "the task's own loss"  # in words
    advice: ClassVar[str] = ""  # what else may be meant by outputs that do not fit
    unit: str = "nats"  # of the loss
    margin_unit: str = "logits"
    settings: Any

    def __init__(self, classes: Sequence[str] = (), settings: Any = None, **data: Any) -> None:
        self.settings = self.Settings() if settings is None else settings
        self.target_unit = str(data.pop("unit", ""))
        self.targets: Targets = KINDS[self.kind](classes, **data)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of classes or labels; empty for numbers."""
        return self.targets.classes

    @classmethod
    def of(cls, classes: Sequence[str], options: Mapping[str, Any]) -> "Task":
        """From what ``DatasetInfo`` says of it: class names, and ``{"name", **settings, **DATA}`` after a trip through
        JSON."""
        known = {item.name for item in fields(cls.Settings)}
        data = {name: value for name, value in options.items() if name in DATA}
        given = {name: value for name, value in options.items() if name not in (*DATA, "name", "kind", "code")}
        unknown = sorted(set(given) - known)
        if unknown:
            raise UserError(
                f"The task {cls.name} was given {unknown[0]!r}, which it does not know.",
                "What was meant by it is not known here.",
                f"Leave it out; it knows {', '.join(sorted(known)) or 'no settings'}.",
            )
        return cls(classes, cls.Settings(**given), **data)

    def to_json(self) -> dict[str, Any]:
        """Its name and the settings that are not the usual ones; what the data say of their targets is not in it."""
        usual = asdict(self.Settings())
        own = {name: value for name, value in asdict(self.settings).items() if value != usual[name]}
        return {"name": self.name, **{name: list(v) if isinstance(v, tuple) else v for name, v in own.items()}}

    # --- what the model returns --------------------------------------------------------------------------------------

    def outputs(self, raw: Any) -> Any:
        """The outputs ``(b, ...)`` in what a model returned.

        Here: a tensor as it is; of a ModelOutput or dict the ``logits``, else its only tensor; of a tuple the first
        entry. What holds none of these comes back as it is, and is refused by name.
        """
        import torch

        if isinstance(raw, Mapping):
            tensors = [value for value in raw.values() if isinstance(value, torch.Tensor)]
            return raw["logits"] if "logits" in raw else tensors[0] if len(tensors) == 1 else raw
        if isinstance(getattr(raw, "logits", None), torch.Tensor):
            return raw.logits
        return raw[0] if isinstance(raw, tuple | list) and raw and isinstance(raw[0], torch.Tensor) else raw

    # --- what training minimises -------------------------------------------------------------------------------------

    @abstractmethod
    def loss(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """What training minimises, per sample ``(b,)`` in ``unit``; additive over ``parts``."""

    def parts(self, outputs: "Tensor", targets: "Tensor") -> "Tensor | None":
        """The loss by part ``(b, t)``, where it has some: labels, numbers; None for one."""
        return None

    def residual(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Gradient of each sample's loss with respect to its outputs ``(b, ...)``."""
        import torch

        with torch.enable_grad():
            leaf = outputs.detach().requires_grad_()
            (slope,) = torch.autograd.grad(self.loss(leaf, targets).sum(), leaf)
        return slope

    def unfit(self, outputs: "Tensor", targets: "Tensor") -> str:
        """Why the loss can make nothing of a model's outputs for these targets, in words; empty where it can."""
        return ""

    # --- the curvature of the loss at the outputs --------------------------------------------------------------------

    @property
    def no_curvature(self) -> str:
        """Why there is no ``root``, in words; empty where there is one."""
        return "" if type(self).root is not Task.root else f"{self.title} says no curvature of its outputs."

    def root(self, outputs: "Tensor", targets: "Tensor") -> "Tensor | None":
        """Columns ``(r, b, ...)`` whose outer products, summed over r, are the loss's second derivative at the outputs.

        Asked where a sample has few outputs; ``curved`` and ``sampled`` serve where r columns are too many. None: there
        is no exact one (``no_curvature`` says why).
        """
        return None

    def curved(self, outputs: "Tensor", targets: "Tensor", vectors: "Tensor") -> "Tensor":
        """The second derivative times ``vectors (b, ...)``, which ``root`` squared is, without r columns where
        possible."""
        root = self.root(outputs, targets)
        assert root is not None
        amounts = (root * vectors).reshape(len(root), len(outputs), -1).sum(2)  # (r, b)
        return (amounts.reshape(*amounts.shape, *[1] * (vectors.dim() - 1)) * root).sum(0)

    def spread(self, outputs: "Tensor", targets: "Tensor") -> "tuple[Tensor, Tensor]":
        """The same as a mean of rank-one terms: columns ``(r, b, ...)`` and their weights ``(r, b)``, which sum to
        1."""
        import torch

        root = self.root(outputs, targets)
        assert root is not None
        r = len(root)
        return root * r**0.5, torch.full(root.shape[:2], 1 / r, dtype=root.dtype, device=root.device)

    def sampled(self, outputs: "Tensor", targets: "Tensor", chance: np.ndarray) -> "Tensor | None":
        """One random column ``(b, ...)`` a sample whose outer product is, in the mean, the second derivative.

        ``chance (b,)`` in 0..1 fixes it per sample. Here: the gradient of the loss for a target that the model expects
        (``draw``), else the columns of ``root`` with random signs. None: there is neither.
        """
        import torch

        drawn = self.draw(outputs, chance)
        if drawn is not None:
            return self.residual(outputs, drawn)
        root = self.root(outputs, targets)
        if root is None:
            return None
        signs = torch.as_tensor(np.sign(uniforms(chance, len(root)) - 0.5).T, device=root.device).to(
            root.dtype
        )  # (r, b)
        return (root * signs.reshape(*signs.shape, *[1] * (root.dim() - 2))).sum(0)

    def draw(self, outputs: "Tensor", chance: np.ndarray) -> "Tensor | None":
        """Targets ``(b, ...)`` drawn as the model expects them: with them gradients give the true Fisher. None: it has
        no such."""
        return None

    # --- what is said of a sample ------------------------------------------------------------------------------------

    def margin(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """How sure the model is of the target ``(b,)`` in ``margin_unit``: higher is surer."""
        return -self.loss(outputs, targets)

    def log_odds(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """TRAK's model output ``(b,)``: smooth, higher is better, and the loss is a function of it.

        Here: of the probability exp(-loss) that a loss in nats gives to the target.
        """
        loss = self.loss(outputs, targets)
        return -loss - (-(-loss).expm1()).log()

    def doubt(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """By how much the loss falls per unit of ``log_odds`` ``(b,)``, at least 0: 1 - p for probabilities."""
        import torch

        return torch.sigmoid(-self.log_odds(outputs, targets))

    def shortfall(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Minus the margin: lower is better."""
        return -self.margin(outputs, targets)

    def negative_log_odds(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Minus ``log_odds``: a loss whose gradient does not vanish when it is small."""
        return -self.log_odds(outputs, targets)

    def toward(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """The direction of the outputs that speaks for the target ``(b, ...)``: the label's own logit, for classes."""
        import torch

        with torch.enable_grad():
            leaf = outputs.detach().requires_grad_()
            (slope,) = torch.autograd.grad(self.log_odds(leaf, targets).sum(), leaf)
        return slope

    def against(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Weights of the outputs ``(b, ...)`` whose sum says how far the prediction is ahead of the target.

        Here: how the difference of the two losses changes with the outputs, nothing where the prediction is right.
        """
        said = self.tensor(self.predict(outputs.cpu()), outputs.device)
        return self.residual(outputs, targets) - self.residual(outputs, said)

    @abstractmethod
    def predict(self, outputs: "Tensor") -> np.ndarray:
        """What the model says of each sample ``(b,)``, in the form and unit of ``Labels.values``."""

    def certainty(self, outputs: "Tensor") -> np.ndarray:
        """Probability of the prediction ``(b,)`` float; NaN where the task has no probabilities."""
        return np.full(len(outputs), np.nan)

    def confidence(self, outputs: "Tensor", targets: "Tensor") -> "Tensor":
        """Probability that the model gives to the target ``(b,)``; NaN where the task has no probabilities."""
        return self.margin(outputs, targets) * float("nan")

    def right(self, predictions: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Whether predictions are right ``(n,)`` float: 1 or 0; NaN for numbers, which are only nearer or farther."""
        if self.kind == "number":
            return np.full(len(values), np.nan)
        return np.where(self.targets.bare(values), np.nan, (predictions == values).astype(float))

    def said(self, outputs: "Tensor", values: np.ndarray) -> dict[str, np.ndarray]:
        """Per sample ``(b,)``: prediction, loss, margin, certainty, confidence, right, for CPU ``outputs`` and
        ``Labels.values``.

        NaN where a sample has no target or the task no such thing.
        """
        import torch

        values = np.asarray(values)
        there = ~self.targets.bare(values)
        places = torch.from_numpy(np.flatnonzero(there))
        known = outputs[places]
        targets = self.tensor(values[there])
        found = {name: np.full(len(values), np.nan) for name in ("loss", "margin", "confidence")}
        for name, column in found.items():
            column[there] = getattr(self, name)(known, targets).double().numpy()
        predictions = self.predict(outputs)
        rest = {
            "prediction": predictions,
            "certainty": self.certainty(outputs),
            "right": self.right(predictions, values),
        }
        return rest | found

    def kept(self, outputs: "Tensor") -> np.ndarray:
        """What a run keeps of CPU ``outputs`` for every sample, in ``kept_file``: float32."""
        return outputs.float().numpy()

    def said_kept(self, kept: np.ndarray, values: np.ndarray) -> dict[str, np.ndarray]:
        """``said`` from what a run kept."""
        import torch

        return self.said(torch.from_numpy(np.array(kept)), values)

    def outputs_kept(self, kept: np.ndarray) -> "Tensor":
        """Outputs ``(n, ...)`` that give what a run kept of them: CPU float64."""
        import torch

        return torch.from_numpy(np.array(kept, dtype=np.float64))

    def class_probabilities(self, kept: np.ndarray) -> np.ndarray:
        """Probability of every class ``(n, c)`` float64, also where one output says both."""
        columns = [np.full(len(kept), place) for place in range(len(self.classes))]
        return np.stack([self.said_kept(kept, each)["confidence"] for each in columns], axis=1).astype(np.float64)

    @property
    @abstractmethod
    def figures(self) -> tuple[Figure, ...]:
        """What a proof compares, the foremost first."""

    @abstractmethod
    def chance(self, values: np.ndarray) -> float:
        """Mean loss of the best constant answer to these ``Labels.values``: what a model has to beat, in ``unit``."""

    # --- models ------------------------------------------------------------------------------------------------------

    @abstractmethod
    def out_features(self, info: Described) -> int:
        """Width of the model's last layer."""

    def out_shape(self, info: Described, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the outputs for one sample, as the model is handed it in ``shape``."""
        return (self.out_features(info),)

    def tensor(self, values: np.ndarray, device: "torch.device | str" = "cpu") -> "Tensor":
        """``Labels.values`` as the loss takes them."""
        import torch

        return torch.as_tensor(self.targets.for_model(values), device=device)


def uniforms(chance: np.ndarray, count: int) -> np.ndarray:
    """``(b, count)`` numbers in 0..1 from one number per sample: the same for a sample wherever it stands."""
    bits = (np.asarray(chance, dtype=np.float64) * 2.0**53).astype(np.uint64)[:, None]
    with np.errstate(over="ignore"):  # splitmix64 (Steele, Lea and Flood 2014), one step per number
        mixed = bits + np.arange(1, count + 1, dtype=np.uint64)[None] * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return ((mixed >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
