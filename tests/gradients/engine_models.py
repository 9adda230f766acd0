"""Small models, one for each layer type and each trap, and the oracle: autograd one sample at a time."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attribution.gradients.layers import Norm
from attribution.tasks.classification import per_sample_loss


class SameLayerTwice(nn.Module):
    """One linear layer, one convolution and one normalisation, each used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(2, 2, 3, padding=1), nn.LayerNorm(8)
        self.inner, self.head = nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(torch.tanh(self.conv(x))).mean((2, 3)).repeat(1, 4)
        return self.head(self.norm(torch.tanh(self.inner(self.norm(torch.tanh(self.inner(x)))))))


class Tied(nn.Module):
    """Input embedding and output layer share one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.middle, self.out = nn.Embedding(7, 5), nn.Linear(5, 5), nn.Linear(5, 7, bias=False)
        self.out.weight = self.embed.weight

    def forward(self, ids: Tensor) -> Tensor:
        return self.out(torch.tanh(self.middle(self.embed(ids).mean(1))))


class ReadElsewhere(nn.Module):
    """A weight that its module's forward does not know of: the parent reads it, and one module is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.middle, self.unused = nn.Embedding(7, 5), nn.Linear(5, 5), nn.Linear(5, 5)

    def forward(self, ids: Tensor) -> Tensor:
        hidden = torch.tanh(self.middle(self.embed(ids).mean(1)))
        return F.linear(hidden, self.unused.weight) @ self.embed.weight.T


class Scale(nn.Module):
    """A module with parameters of its own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale, self.power = nn.Parameter(torch.rand(width) + 0.5), nn.Parameter(torch.tensor(0.7))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * torch.tanh(self.power * x)


class Untraceable(nn.Module):
    """A custom module whose control flow looks at values, so that vmap cannot trace it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.rand(width) + 0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * (x if float(x.detach().sum()) > -1e9 else -x)


class Block(nn.Module):
    """A small transformer block over tokens, with a position embedding that has no sample axis."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(11, 8, padding_idx=0), nn.Embedding(6, 8)
        self.attention = nn.MultiheadAttention(8, 2, dropout=0.1, batch_first=True)
        self.first, self.second = nn.LayerNorm(8), nn.LayerNorm(8)
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Dropout(0.2), nn.Linear(16, 8))
        self.head = nn.Linear(8, 3)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.tokens(ids) + self.places(torch.arange(ids.shape[1], device=ids.device))
        y = self.first(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return self.head((x + self.mlp(self.second(x))).mean(1))


class InPlaceOnView(nn.Module):
    """In-place ReLUs on a linear layer's output, which is a view when the input has positions."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(4, 6), nn.Linear(6, 6, bias=False), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.first(x)
        hidden.relu_()
        hidden = self.second(hidden)
        hidden[:, 0] = 0.0
        return self.head(hidden.mul_(0.5)).mean(1)


class Flattened(nn.Module):
    """Positions folded into the sample axis, for linear layers and for pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.lin, self.head = nn.Conv2d(1, 4, 2), nn.Linear(4, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        b, m = x.shape[:2]
        pictures = torch.tanh(self.conv(x.reshape(b * m, 1, *x.shape[2:]))).mean((2, 3))  # (b m, 4)
        return self.head(torch.tanh(self.lin(pictures)).reshape(b, m, -1).mean(1))


class PositionsFirst(nn.Module):
    """The sample axis comes second, as in recurrent code."""

    def __init__(self) -> None:
        super().__init__()
        self.lin, self.head = nn.Linear(4, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.lin(x.transpose(0, 1))).mean(0))


class Residual(nn.Module):
    """A strided residual block with GroupNorm."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1, bias=False),
            nn.GroupNorm(2, 8),
            nn.ReLU(inplace=True),
            nn.Conv2d(8, 8, 3, padding=1),
            nn.GroupNorm(4, 8),
        )
        self.skip, self.head = nn.Conv2d(3, 8, 1, 2), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.relu(self.body(x) + self.skip(x), inplace=True).mean((2, 3)))


def picture(*layers: nn.Module) -> nn.Module:
    """Layers on a picture, then a mean over pixels and a head."""
    return nn.Sequential(*layers, nn.Tanh(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.LazyLinear(3))


def sequence(*layers: nn.Module) -> nn.Module:
    """Layers on a signal with channels, then a mean and a head."""
    return nn.Sequential(*layers, nn.Tanh(), nn.AdaptiveAvgPool1d(2), nn.Flatten(), nn.LazyLinear(3))


def normalised() -> nn.Module:
    """Batch normalisation with running statistics that are not trivial."""
    model = picture(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.Conv2d(6, 4, 3), nn.InstanceNorm2d(4, affine=True))
    model[1].running_mean.normal_()
    model[1].running_var.uniform_(0.5, 2.0)
    return model


def scaled(model: nn.Module, last: float) -> nn.Module:
    """The model with scales between 0.5 and 1.5 of either sign and biases in all normalisations, the last scale of each
    being ``last``."""
    for module in model.modules():
        if isinstance(module, Norm):
            with torch.no_grad():
                module.weight.copy_(
                    torch.empty_like(module.weight).uniform_(0.5, 1.5) * torch.randn_like(module.weight).sign()
                )
                module.weight.view(-1)[-1] = last
                if getattr(module, "bias", None) is not None:
                    module.bias.normal_(0, 0.5)
    return model


def norms(last: float) -> nn.Module:
    """One normalisation of each kind with scales and biases."""
    picture_part = (
        nn.BatchNorm2d(3),
        nn.Conv2d(3, 4, 3),
        nn.GroupNorm(2, 4),
        nn.InstanceNorm2d(4, affine=True),
        nn.Tanh(),
    )
    table_part = (
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 6),
        nn.BatchNorm1d(6),
        nn.LayerNorm(6),
        nn.RMSNorm(6),
        nn.LayerNorm(6),
    )
    return scaled(nn.Sequential(*picture_part, *table_part, nn.ReLU(inplace=True), nn.Linear(6, 3)), last)


IMAGE, SIGNAL, TOKENS, TABLE, STEPS = "image", "signal", "tokens", "table", "steps"
MODELS: dict[str, tuple[str, Callable[[], nn.Module]]] = {
    "linear": (TABLE, lambda: nn.Sequential(nn.Linear(4, 6), nn.ReLU(inplace=True), nn.Linear(6, 3, bias=False))),
    "linear on steps": (STEPS, InPlaceOnView),
    "wide on steps": (
        STEPS,
        lambda: nn.Sequential(nn.Linear(4, 40), nn.Tanh(), nn.Linear(40, 40), nn.Flatten(), nn.LazyLinear(3)),
    ),
    "conv stride padding": (
        IMAGE,
        lambda: picture(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.Tanh(), nn.Conv2d(4, 5, (1, 3), padding=(0, 2))),
    ),
    "conv groups": (
        IMAGE,
        lambda: picture(nn.Conv2d(3, 6, 3, groups=3), nn.Tanh(), nn.Conv2d(6, 4, 3, groups=2, stride=2)),
    ),
    "conv dilation": (
        IMAGE,
        lambda: picture(nn.Conv2d(3, 4, 2, dilation=2, padding="same"), nn.Conv2d(4, 4, 3, padding="valid")),
    ),
    "conv padding modes": (
        IMAGE,
        lambda: picture(
            nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular"),
            nn.Conv2d(4, 4, 3, padding=2, padding_mode="reflect"),
        ),
    ),
    "conv1d": (
        SIGNAL,
        lambda: sequence(
            nn.Conv1d(3, 6, 4, padding="same"), nn.Conv1d(6, 4, 3, stride=2, groups=2, dilation=2, padding=1)
        ),
    ),
    "embedding": (TOKENS, lambda: nn.Sequential(nn.Embedding(11, 5, padding_idx=0), nn.Flatten(), nn.LazyLinear(3))),
    "layer norm": (
        STEPS,
        lambda: nn.Sequential(
            nn.LayerNorm(4), nn.Linear(4, 4), nn.LayerNorm((5, 4)), nn.RMSNorm(4), nn.Flatten(), nn.LazyLinear(3)
        ),
    ),
    "group norm": (IMAGE, Residual),
    "batch norm": (IMAGE, normalised),
    "batch norm 1d": (TABLE, lambda: nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(True), nn.Linear(6, 3))),
    "scaled norms": (IMAGE, lambda: norms(0.7)),
    "norms with a scale of zero": (IMAGE, lambda: norms(0.0)),
    "same layer twice": (IMAGE, lambda: nn.Sequential(nn.Conv2d(3, 2, 1), SameLayerTwice())),
    "tied parameter": (TOKENS, Tied),
    "read elsewhere": (TOKENS, ReadElsewhere),
    "custom module": (TABLE, lambda: nn.Sequential(nn.Linear(4, 6), Scale(6), nn.Linear(6, 3))),
    "untraceable": (TABLE, lambda: nn.Sequential(nn.Linear(4, 6), Untraceable(6), nn.Linear(6, 3))),
    "transformer": (TOKENS, Block),
    "encoder layer": (
        STEPS,
        lambda: nn.Sequential(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), nn.Flatten(), nn.LazyLinear(3)),
    ),
    "weight norm": (
        TABLE,
        lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 6)), nn.Tanh(), nn.Linear(6, 3)),
    ),
    "flattened positions": (IMAGE, Flattened),
    "positions first": (STEPS, PositionsFirst),
    "recurrent": (STEPS, lambda: nn.Sequential(nn.Linear(4, 4), Last(nn.GRU(4, 5, batch_first=True)), nn.Linear(5, 3))),
}


class Last(nn.Module):
    """The last output of a recurrent layer."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)[0][:, -1]


def make(name: str, n: int = 7, dtype: torch.dtype = torch.float64, seed: int = 0) -> tuple[nn.Module, Tensor, Tensor]:
    """A model in evaluation mode and n samples for it."""
    torch.manual_seed(seed)
    kind, build = MODELS[name]
    model = build().to(dtype)
    x = {
        IMAGE: torch.randn(n, 3, 9, 8, dtype=dtype),
        SIGNAL: torch.randn(n, 3, 13, dtype=dtype),
        TOKENS: torch.randint(0, 7, (n, 6)),
        TABLE: torch.randn(n, 4, dtype=dtype),
        STEPS: torch.randn(n, 5, 4, dtype=dtype),
    }[kind]
    model(x[:2])  # lazy layers take their shape
    return model.eval(), x, torch.randint(0, 3, (n,))


def oracle(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Autograd one sample at a time: ``(n, parameters)`` over all that require a gradient."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    rows = []
    for index in range(len(x)):
        loss = per_sample_loss(model(x[index : index + 1]), y[index : index + 1])[0]
        found = torch.autograd.grad(loss, parameters, allow_unused=True)
        pairs = zip(parameters, found, strict=True)
        rows.append(torch.cat([torch.zeros_like(p).flatten() if g is None else g.flatten() for p, g in pairs]))
    return torch.stack(rows)
