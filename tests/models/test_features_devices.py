"""Representations, devices, and random state that is left alone."""

import pytest
import torch
from torch import nn

from attribution.errors import UserError
from attribution.models.devices import available, fast_layout, pick_device, seeded
from attribution.models.features import batch_coupled, forward_features


def test_representation_is_the_input_of_the_last_linear():
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    x = torch.randn(5, 4)
    logits, features = forward_features(model, x)
    assert torch.equal(logits, model(x))
    assert torch.equal(features, model[:2](x))


def test_positions_are_averaged_and_a_model_without_linear_gives_its_logits():
    class Sequence(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(3, 2)

        def forward(self, x):
            return self.head(x).mean(dim=1)

    x = torch.randn(5, 7, 3)
    assert torch.allclose(forward_features(Sequence(), x)[1], x.mean(dim=1))
    convolution = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    logits, features = forward_features(convolution, torch.randn(4, 1, 5, 5))
    assert torch.equal(logits, features)


def test_hooks_are_gone_even_after_an_error():
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    with pytest.raises(RuntimeError):
        forward_features(model, torch.randn(5, 9))
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_batch_coupled_layers_are_named():
    assert batch_coupled(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.GroupNorm(1, 2))) == ["1"]


def test_devices():
    assert pick_device("cpu").type == "cpu"
    assert pick_device().type in ("cpu", "cuda", "mps")
    assert available()[0] == "auto"
    assert all(pick_device(name) for name in available())
    for name in ("tpu9", "cuda:77"):
        with pytest.raises(UserError, match=name):
            pick_device(name)


def test_seeded_leaves_the_users_state_and_repeats():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    with seeded(5):
        first = torch.rand(4)
    with pytest.raises(TypeError), seeded(5):
        torch.rand("not a size")
    with seeded(5):
        assert torch.equal(torch.rand(4), first)
    assert torch.equal(torch.rand(2), expected)


def test_fast_layout_keeps_values():
    x = torch.randn(2, 3, 4, 4)
    assert torch.equal(fast_layout(x), x)
    assert fast_layout(x).is_contiguous(memory_format=torch.channels_last)
    table = torch.randn(2, 3)
    assert fast_layout(table) is table
