"""Second moments in an eigenbasis: every way says the same as gradients that are written out."""

import pytest
import torch
from torch import Tensor, nn

from attribution.gradients.convolution import Convolution
from attribution.gradients.curvature.second_moments import PAIRS, SIDES, WRITTEN, by_sides, way
from attribution.gradients.factors import Outer


def turn(width: int, seed: int) -> Tensor:
    return torch.linalg.qr(torch.randn(width, width, generator=torch.Generator().manual_seed(seed)).double())[0]


@pytest.mark.parametrize("how", [SIDES, PAIRS])
@pytest.mark.parametrize("budget_bytes", [1 << 10, 1 << 30], ids=["sample by sample", "together"])
@pytest.mark.parametrize("kind", ["linear", "convolution"])
def test_both_ways_are_those_of_gradients_written_out(how: str, budget_bytes: int, kind: str) -> None:
    torch.manual_seed(0)
    if kind == "linear":
        right = torch.randn(7, 1, 4, 5).double()
        rows = [Outer(torch.randn(7, 1, 4, 6).double(), right, (6, 5)) for _ in range(3)]
    else:
        layer = nn.Conv2d(2, 6, 3, stride=2, padding=1).double()
        inputs = torch.randn(7, 2, 5, 5).double()
        rows = [Convolution(layer, [(inputs, torch.randn(7, 6, 3, 3).double())], 7) for _ in range(3)]
    o, i = rows[0].sizes[2:]
    left, right = turn(o, 1), turn(i, 2)
    found = by_sides(rows, lambda values: values @ right, left, how, budget_bytes)
    written = torch.stack([row.dense().reshape(7, o, i) for row in rows])
    torch.testing.assert_close(found, (left.T @ written @ right).square().sum((0, 1)))


def test_the_way_follows_the_sizes() -> None:
    assert way((1, 4, 512, 4608), 9) == PAIRS  # late layers of a residual network
    assert way((1, 64, 128, 1152), 9) == SIDES
    assert way((1, 1024, 8, 27), 1) == WRITTEN
