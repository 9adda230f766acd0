"""Weights on disk: round trips, foreign wrappings, and errors that name the keys."""

import pickle

import pytest
import torch
from torch import nn

from attribution.errors import UserError
from attribution.models.checkpoints import load_checkpoint, read_state, save_checkpoint, weights_hash


class Tied(nn.Module):
    """Two layers that share one weight, and batch normalisation with its counters."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.norm = nn.Linear(3, 3), nn.Linear(3, 3), nn.BatchNorm1d(3)
        self.second.weight = self.first.weight


def net(seed: int = 0) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    return model


@pytest.mark.parametrize("build", [net, Tied])
def test_round_trip(tmp_path, build):
    first, second = build(), build()
    save_checkpoint(first, tmp_path / "a.safetensors")
    load_checkpoint(second, tmp_path / "a.safetensors")
    assert weights_hash(first) == weights_hash(second)
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": state},
        lambda state: {f"module.{name}": value for name, value in state.items()},
        lambda state: {"state_dict": {f"model._orig_mod.{name}": value for name, value in state.items()}},
    ],
)
@pytest.mark.parametrize("suffix", ["pt", "pth"])
def test_foreign_state_dicts(tmp_path, wrap, suffix):
    path = tmp_path / f"w.{suffix}"
    torch.save(wrap(net(1).state_dict()), path)
    model = net(2)
    load_checkpoint(model, path)
    assert weights_hash(model) == weights_hash(net(1))


def test_hash_sees_values_names_and_types_but_not_layout():
    assert weights_hash(net(1)) != weights_hash(net(2))
    assert weights_hash(net(1)) != weights_hash(net(1).double())
    convolution = nn.Conv2d(2, 3, 3)
    before = weights_hash(convolution)
    convolution.weight.data = convolution.weight.data.contiguous(memory_format=torch.channels_last)
    assert weights_hash(convolution) == before


def test_errors_name_keys_and_shapes(tmp_path):
    state = net().state_dict()
    del state["0.bias"]
    state["extra"] = torch.zeros(1)
    state["2.weight"] = torch.zeros(5, 3)
    torch.save(state, tmp_path / "w.pt")
    model = net(3)
    with pytest.raises(UserError) as caught:
        load_checkpoint(model, tmp_path / "w.pt")
    for part in ("missing: 0.bias", "unexpected: extra", "2.weight is (5, 3), the model has (2, 3)"):
        assert part in str(caught.value)
    assert weights_hash(model) == weights_hash(net(3))


def test_weights_that_are_not_finite(tmp_path):
    state = net().state_dict()
    state["0.bias"][1] = float("nan")
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(UserError, match=r"NaN.*0\.bias"):
        load_checkpoint(net(), tmp_path / "w.pt")


class Loud:
    """Unpickling this would run code."""

    def __reduce__(self):
        return (pytest.fail, ("code from a checkpoint ran",))


def test_pickled_code_never_runs(tmp_path):
    torch.save({"model": Loud()}, tmp_path / "bad.pt")
    (tmp_path / "raw.pth").write_bytes(pickle.dumps(Loud()))
    for name in ("bad.pt", "raw.pth"):
        with pytest.raises(UserError, match="not a plain state dict"):
            read_state(tmp_path / name)


def test_unreadable_files(tmp_path):
    with pytest.raises(UserError, match="no checkpoint"):
        read_state(tmp_path / "none.pt")
    (tmp_path / "short.safetensors").write_bytes(b"abc")
    with pytest.raises(UserError, match="not a whole safetensors file"):
        read_state(tmp_path / "short.safetensors")
    torch.save({"epoch": 3}, tmp_path / "empty.pt")
    with pytest.raises(UserError, match="holds no state dict"):
        read_state(tmp_path / "empty.pt")
