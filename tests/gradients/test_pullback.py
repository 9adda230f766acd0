"""Gradients of weighted outputs from layer factors against autograd, and the triangular root of the softmax's
curvature."""

import pytest
import torch
from torch import nn

from attribution.gradients.engine import GradientEngine
from attribution.gradients.pullback import Pullback
from attribution.tasks.classification import softmax_root


@pytest.mark.parametrize("sharpness", [0.0, 3.0, 60.0])
def test_the_triangular_root_gives_back_the_softmax_curvature(sharpness):
    logits = sharpness * torch.randn(9, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    p = logits.softmax(1)
    columns = softmax_root(p)
    assert columns.shape == (4, 9, 5)
    assert torch.isfinite(columns).all()
    expected = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
    torch.testing.assert_close(torch.einsum("kbi,kbj->bij", columns, columns), expected, rtol=1e-12, atol=1e-14)


def test_one_class_alone_has_no_column():
    assert softmax_root(torch.ones(3, 1)).shape == (0, 3, 1)


class Scaled(nn.Module):
    """A parameter of its own beside a linear layer: no closed form."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.inner = nn.Parameter(torch.ones(4)), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(torch.tanh(x * self.scale))


@pytest.mark.parametrize("big", [False, True], ids=["vectorised", "one by one"])
def test_pulled_gradients_equal_autograd(big, monkeypatch):
    monkeypatch.setattr("attribution.gradients.pullback._TOGETHER", 0 if big else 1 << 20)
    torch.manual_seed(0)
    model, x, weights = (
        Scaled().double(),
        torch.randn(5, 4, dtype=torch.float64),
        torch.randn(2, 5, 3, dtype=torch.float64),
    )
    found = list(Pullback(GradientEngine(model), x, torch.zeros(5, dtype=torch.long), lambda output: weights).rows())
    assert len(found) == 2
    for k, factors in enumerate(found):
        for name, parameter in model.named_parameters():
            rows = [
                torch.autograd.grad((model(x[i : i + 1]) * weights[k, i]).sum(), parameter)[0].flatten()
                for i in range(5)
            ]
            torch.testing.assert_close(factors[name].dense(), torch.stack(rows))
