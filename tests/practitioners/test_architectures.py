"""One small network per family of torchvision and timm: dots of gradients are those of one-sample autograd."""

import pytest
import torch

from benchmarks.architectures import ARCHITECTURES, tried


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture_has_the_dots_of_autograd(name):
    found = tried(name)
    assert found["error"] < 1e-9, found
    assert found["shares"].get("loop", 0) == 0, found["others"]
    assert sum(found["shares"].values()) == pytest.approx(1)
