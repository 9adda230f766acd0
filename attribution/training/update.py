"""One step of a training: loss, gradient, clipping, optimiser, and the moving average of the weights."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from attribution.settings.configs import TrainConfig


def update(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    x: Tensor,
    loss_of: Callable[[Tensor], Tensor],
    lr: float,
    config: TrainConfig,
) -> tuple[Tensor, float, Tensor]:
    """Take a step on a batch at learning rate ``lr``; ``loss_of(outputs) -> (b,)``.

    Returns the outputs, how far along the mean gradient the step went (``lr``, times the factor by which the gradient
    was clipped), and the mean loss before the step, detached.
    """
    for group in optimizer.param_groups:
        group["lr"] = lr
    if config.precision == "bfloat16":
        with torch.autocast(x.device.type, dtype=torch.bfloat16):
            outputs = model(x)
        outputs = outputs.float()
    else:
        outputs = model(x)
    loss = loss_of(outputs).mean()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    went = lr
    if config.clip:
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        norm = float(torch.nn.utils.clip_grad_norm_(weights, config.clip))
        went = lr * min(1.0, config.clip / (norm + 1e-6))  # as torch scales it
    optimizer.step()
    return outputs, went, loss.detach()


def averaged(average: dict[str, Tensor], model: nn.Module, step: int, decay: float) -> None:
    """Move the average (name -> values of the state) towards the model after its ``step``-th update (from 1).

    The decay grows to its value as ``(1 + step) / (10 + step)``, so that the first weights are soon forgotten. Only
    parameters are averaged; running statistics are the model's.
    """
    share = 1 - min(decay, (1 + step) / (10 + step))
    learned = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name in learned and value.is_floating_point():
                average[name].lerp_(value, share)
            else:
                average[name].copy_(value)
