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


class Contracted(nn.Module):
    """A weight that meets the batch by a function without a rule."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("bi,io->bo", x, self.weight)


class Untraceable(Contracted):
    """Another whose control flow looks at values, so that vmap cannot trace it either."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.scale = nn.Parameter(torch.rand(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("bi,io->bo", super().forward(x), self.scale if float(x.detach().sum()) > -1e9 else -x)


class Bare(nn.Module):
    """A class token, positions, relative positions that bias attention, layer scale, and a norm of one's own."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.places = nn.Parameter(torch.randn(1, 1, 4)), nn.Parameter(torch.randn(1, 6, 4))
        self.table, self.gain = nn.Parameter(torch.randn(11, 2)), nn.Parameter(torch.rand(4))
        self.register_buffer("apart", torch.arange(6)[:, None] - torch.arange(6) + 5)
        self.weight, self.qkv, self.head = nn.Parameter(torch.rand(4)), nn.Linear(4, 12), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat((self.token.expand(x.shape[0], -1, -1), x), 1) + self.places
        z = (1 + self.weight) * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
        q, k, v = self.qkv(z).unflatten(-1, (3, 2, 2)).permute(2, 0, 3, 1, 4)
        bias = self.table[self.apart.view(-1)].view(6, 6, 2).permute(2, 0, 1)
        scores = torch.softmax(q @ k.mT + bias.unsqueeze(0), -1)
        more = F.scaled_dot_product_attention(q, k, v, bias.contiguous())
        return self.head((x + self.gain * (scores @ v + more).transpose(1, 2).flatten(2)).mean(1))


class TransposedLinear(nn.Module):
    """The linear layer of GPT-2: its weight is kept as (inputs, outputs)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(inputs, outputs)), nn.Parameter(torch.randn(outputs))

    def forward(self, x: Tensor) -> Tensor:
        flat = torch.addmm(self.bias, x.reshape(-1, x.shape[-1]), self.weight)
        return flat.view(*x.shape[:-1], -1)


class ChannelsLast(nn.LayerNorm):
    """A layer normalisation over the channels of a picture."""

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias).permute(0, 3, 1, 2)


class NormAct(nn.BatchNorm2d):
    """Batch normalisation and activation in one module, as timm has it."""

    def forward(self, x: Tensor) -> Tensor:
        mean, var = self.running_mean, self.running_var
        return F.silu(F.batch_norm(x, mean, var, self.weight, self.bias, False, 0.1, self.eps))


class Standardised(nn.Conv2d):
    """A convolution whose kernel is standardised first."""

    def forward(self, x: Tensor) -> Tensor:
        weight = (self.weight - self.weight.mean((1, 2, 3), True)) / self.weight.std((1, 2, 3), keepdim=True)
        return self._conv_forward(x, weight, self.bias)


class Masked(nn.Module):
    """Attention over two sequences with a mask and padding, positions first."""

    def __init__(self) -> None:
        super().__init__()
        self.attention, self.head = nn.MultiheadAttention(4, 2), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = x.transpose(0, 1)
        mask = torch.ones(3, 5, dtype=torch.bool, device=x.device).triu(3)
        padding = (torch.arange(5, device=x.device) > 3).expand(len(x), 5)
        out, weights = self.attention(y[:3], y, torch.tanh(y), attn_mask=mask, key_padding_mask=padding)
        return self.head(out.mean(0)) + weights[..., :3].mean(1)


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
    "contracted elsewhere": (TABLE, lambda: nn.Sequential(nn.Linear(4, 6), Contracted(6), nn.Linear(6, 3))),
    "bare parameters": (STEPS, Bare),
    "transposed linear": (
        STEPS,
        lambda: nn.Sequential(TransposedLinear(4, 6), nn.Tanh(), nn.Flatten(), nn.LazyLinear(3)),
    ),
    "norms of one's own": (
        IMAGE,
        lambda: picture(nn.Conv2d(3, 4, 3), ChannelsLast(4), nn.PReLU(4), NormAct(4), Standardised(4, 4, 3)),
    ),
    "conv transpose": (
        IMAGE,
        lambda: picture(
            nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1, output_padding=1),
            nn.Tanh(),
            nn.ConvTranspose2d(4, 4, 2, groups=2, dilation=2, bias=False),
        ),
    ),
    "conv transpose 1d": (SIGNAL, lambda: sequence(nn.ConvTranspose1d(3, 4, 3, stride=2))),
    "conv3d": (
        IMAGE,
        lambda: nn.Sequential(
            nn.Unflatten(1, (1, 3)),
            nn.Conv3d(1, 4, (2, 3, 3), (1, 2, 2), 1),
            nn.Tanh(),
            nn.Conv3d(4, 4, 2, groups=2),
            nn.Flatten(),
            nn.LazyLinear(3),
        ),
    ),
    "masked attention": (STEPS, Masked),
    "lstm": (
        STEPS,
        lambda: nn.Sequential(Last(nn.LSTM(4, 3, 2, batch_first=True, bidirectional=True)), nn.Linear(6, 3)),
    ),
    "plain recurrent": (
        STEPS,
        lambda: nn.Sequential(Last(nn.RNN(4, 5, batch_first=True, bias=False)), nn.Linear(5, 3)),
    ),
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
