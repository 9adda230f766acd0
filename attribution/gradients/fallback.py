"""Exact per-sample gradients of parameters without a closed form: ``torch.func`` over only these, or one sample at a
time."""

import warnings
from collections.abc import Mapping
from typing import final

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from attribution.gradients.capture import Loss, evaluation, per_sample


@final
class Fallback:
    """Per-sample gradients of the parameters ``names`` of ``model``.

    ``loop`` False: ``vmap(grad)``, about one more forward and backward pass, for modules that vmap can trace (also tied
    parameters). ``loop`` True: autograd one sample at a time, for all others; slow, never wrong.
    """

    def __init__(self, model: nn.Module, names: tuple[str, ...], loss: Loss, loop: bool) -> None:
        self.model = model
        self.names = names
        self.loss = loss
        self.loop = loop

    def gradients(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Parameter name -> gradients ``(b, *shape)``. Memory: b times the parameters' size (plus b activations for
        vmap)."""
        chosen = {name: parameter for name, parameter in self.model.named_parameters() if name in set(self.names)}
        with evaluation(self.model):
            return self._one_by_one(chosen, x, y) if self.loop else self._vmapped(chosen, x, y)

    def _vmapped(self, chosen: Mapping[str, nn.Parameter], x: Tensor, y: Tensor) -> dict[str, Tensor]:
        def loss_of_one(parameters: dict[str, Tensor], sample: Tensor, label: Tensor) -> Tensor:
            output = functional_call(self.model, parameters, (sample[None],))
            return per_sample(self.loss(output, label[None]), 1)[0]

        fast_path = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)  # the fused attention has no gradient
        try:
            # Without gradients outside, the parameters that are not asked for stay constants.
            with torch.no_grad(), warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="There is a performance drop")
                detached = {name: parameter.detach() for name, parameter in chosen.items()}
                return vmap(grad(loss_of_one), in_dims=(None, 0, 0))(detached, x, y)
        finally:
            torch.backends.mha.set_fastpath_enabled(fast_path)

    def _one_by_one(self, chosen: Mapping[str, nn.Parameter], x: Tensor, y: Tensor) -> dict[str, Tensor]:
        result = {
            name: torch.zeros((len(x), *parameter.shape), dtype=parameter.dtype, device=x.device)
            for name, parameter in chosen.items()
        }
        for index in range(len(x)):
            value = per_sample(self.loss(self.model(x[index : index + 1]), y[index : index + 1]), 1)
            found = torch.autograd.grad(value[0], list(chosen.values()), allow_unused=True)
            for name, gradient in zip(chosen, found, strict=True):
                if gradient is not None:
                    result[name][index] = gradient
        return result
