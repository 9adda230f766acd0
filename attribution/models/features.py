"""What a model sees in a sample: the input of its last linear layer."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from attribution.datasets.handed import STANDARDISED, Inputs
from attribution.progress import Progress

if TYPE_CHECKING:
    import numpy as np

    from attribution.datasets.dataset import Dataset


def forward_features(model: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Logits ``(b, c)`` and representation ``(b, d)`` of a batch, in one forward pass.

    The representation is the input of the ``nn.Linear`` that runs last (its mean over positions when it has more than
    two dimensions); a model without one is represented by its logits,
    and one that says ``represent(x)`` by that. Train or eval mode and gradients are the caller's
    choice; the hooks are gone afterwards, whatever happens.
    """
    if hasattr(model, "represent"):
        return model.represent(x)  # type: ignore[operator, no-any-return]
    last: list[Tensor] = []

    def remember(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        last[:] = inputs[:1]

    handles = [
        module.register_forward_pre_hook(remember) for module in model.modules() if isinstance(module, nn.Linear)
    ]
    try:
        logits = model(x)  # (b, c)
    finally:
        for handle in handles:
            handle.remove()
    features = last[0] if last else logits
    if features.dim() > 2:
        features = features.flatten(1, -2).mean(dim=1)  # (b, d)
    return logits, features.reshape(len(logits), -1)


def batch_coupled(model: nn.Module) -> list[str]:
    """Names of the layers through which samples of one batch influence each other in train mode (batch
    normalisation)."""
    return [name for name, module in model.named_modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]


def count_parameters(model: nn.Module) -> int:
    """Number of trainable weights, shared ones counted once."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def device_of(model: nn.Module) -> torch.device:
    """Device of the first parameter or buffer; the CPU for a model without any."""
    for tensor in (*model.parameters(), *model.buffers()):
        return tensor.device
    return torch.device("cpu")


def inputs_of(model: nn.Module) -> Inputs:
    """What a model is handed, as ``build_model`` noted it; standardised inputs for a model from elsewhere."""
    return getattr(model, "datablame_inputs", STANDARDISED)


def prepare(model: nn.Module, dataset: "Dataset", rows: "np.ndarray", progress: Progress) -> None:
    """Let a model that keeps what its frozen layers make of samples do so for these rows, before it is trained on them
    or asked about them; nothing for any other."""
    if hasattr(model, "prepare"):
        model.prepare(dataset, rows, progress)  # type: ignore[operator]
