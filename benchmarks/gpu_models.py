"""The models of the GPU benchmark: the three of the peers' page on more samples, and a residual network of ResNet-18's
size."""

from collections.abc import Callable
from dataclasses import replace

import torch
from peer_work import BATCH, QUERIES, Work, cnn, mlp, transformer
from torch import Tensor, nn
from torch.nn import functional as F

LARGE = 2_000_000  # parameters; beyond, gradients written out for a larger batch fill the memory


class Residual(nn.Module):
    """Two 3 x 3 convolutions with batch norms beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm, self.next_norm = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)
        same = inputs == outputs and stride == 1
        self.short = (
            nn.Identity()
            if same
            else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        )

    def forward(self, x: Tensor) -> Tensor:
        inside = F.relu(self.norm(self.first(x)))
        return F.relu(self.next_norm(self.second(inside)) + self.short(x))


def residual(width: int = 64, n: int = 2048, side: int = 32) -> Work:
    """Eight residual blocks on random pictures of 32 x 32 in ten classes: 11.2 million parameters at width 64,
    untrained."""
    torch.manual_seed(0)
    blocks: list[nn.Module] = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    inputs = width
    for stage in range(4):
        for place in range(2):
            outputs = width << stage
            blocks.append(Residual(inputs, outputs, 2 if stage and not place else 1))
            inputs = outputs
    model = nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 10)).eval()
    x, y = torch.randn(n + QUERIES, 3, side, side), torch.randint(0, 10, (n + QUERIES,))
    return Work("ResNet-18", model, [model.state_dict()], x[:n], y[:n], (x[n:], y[n:]))


def moved(work: Work, device: torch.device) -> Work:
    """The work with model and samples on a device, in batches that are worth its while."""
    model = work.copy().to(device)
    states = [{name: value.to(device) for name, value in state.items()} for state in work.checkpoints]
    asked = (work.asked[0].to(device), work.asked[1].to(device))
    batch = BATCH if device.type == "cpu" else 256 if work.parameters > LARGE else 1024
    return replace(
        work, model=model, checkpoints=states, x=work.x.to(device), y=work.y.to(device), asked=asked, batch=batch
    )


# Sizes: enough samples to keep an accelerator busy, or few for a run on a CPU in a test.
MODELS: dict[str, Callable[[bool], Work]] = {
    "ResNet-18": lambda small: residual(8, 64, 16) if small else residual(),
    "MLP": lambda small: mlp(n=400) if small else mlp().repeated(12),
    "CNN": lambda small: cnn(n=256) if small else cnn().repeated(4),
    "transformer": lambda small: transformer(n=128) if small else transformer().repeated(8),
}
