"""Weights on disk: round trips, foreign wrappings, and errors that name the keys."""

import argparse
import json
import os
import pickle
import subprocess
import sys
import warnings
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import save_file as safetensors_save
from torch import nn

from attribution.errors import UserError
from attribution.models.checkpoints import checkpoint_hash, load_checkpoint, read_state, save_checkpoint, weights_hash
from attribution.models.series import listed, told
from attribution.settings.configs import ModelConfig
from attribution.storage.files import file_hash


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


class Wrapper(nn.Module):
    """What every model of a library is put into, to return logits alone."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.net = inner

    def forward(self, x):
        return self.net(x)


def same_as(model: nn.Module, path) -> list[str]:
    """What was said when the file was loaded; the weights must be those of ``net(1)``."""
    said = load_checkpoint(model, path)
    assert weights_hash(model.net if isinstance(model, Wrapper) else model) == weights_hash(net(1))
    return said


def test_bare_weights_load_into_a_wrapper_and_training_keys_are_left_out(tmp_path):
    state = net(1).state_dict()
    torch.save(state, tmp_path / "bare.pt")
    (said,) = same_as(Wrapper(net(2)), tmp_path / "bare.pt")
    assert said == "bare.pt: 0.weight is read as net.0.weight, the others alike"
    assert same_as(net(2), tmp_path / "bare.pt") == []
    lightning = {f"model.{name}": value for name, value in state.items()} | {
        "criterion.weight": torch.ones(2),
        "train_acc.total": torch.ones(()),
    }
    torch.save({"state_dict": lightning, "hyper_parameters": {"lr": 0.1}}, tmp_path / "l.ckpt")
    for model in (net(2), Wrapper(net(2))):
        said = same_as(model, tmp_path / "l.ckpt")[-1]
        assert "left out: criterion.weight, train_acc.total" in said
    torch.save(
        {f"net.{name}": value for name, value in state.items()} | {"criterion.weight": torch.ones(2)}, tmp_path / "w.pt"
    )
    assert "criterion.weight" in same_as(Wrapper(net(2)), tmp_path / "w.pt")[0]
    torch.save({f"backbone.{name}": value for name, value in state.items()}, tmp_path / "b.pt")
    same_as(net(2), tmp_path / "b.pt")


def test_other_unknown_weights_are_never_left_out(tmp_path):
    torch.save(net(1).state_dict() | {"norm.weight": torch.ones(3)}, tmp_path / "w.pt")
    with pytest.raises(UserError, match=r"unexpected: norm\.weight"):
        load_checkpoint(net(2), tmp_path / "w.pt")


def test_which_of_several_weights_was_taken_is_said_and_can_be_chosen(tmp_path):
    torch.save({"model": net(1).state_dict(), "model_ema": net(3).state_dict(), "epoch": 4}, tmp_path / "w.pt")
    (said,) = same_as(net(2), tmp_path / "w.pt")
    assert "took model" in said
    assert "w.pt#model_ema" in said
    model = net(2)
    load_checkpoint(model, f"{tmp_path / 'w.pt'}#model_ema")
    assert weights_hash(model) == weights_hash(net(3))
    with pytest.raises(UserError, match=r"no weights under 'other'.*model, model_ema"):
        load_checkpoint(net(2), f"{tmp_path / 'w.pt'}#other")
    torch.save({"student": net(1).state_dict(), "teacher": net(3).state_dict()}, tmp_path / "two.pt")
    with pytest.raises(UserError, match=r"several sets of weights: student, teacher.*two\.pt#student"):
        load_checkpoint(net(2), tmp_path / "two.pt")
    same_as(net(2), f"{tmp_path / 'two.pt'}#student")
    (tmp_path / "a#b.pt").write_bytes((tmp_path / "w.pt").read_bytes())  # a sign of the name, not a key
    same_as(net(2), tmp_path / "a#b.pt")


def test_checkpoint_keys_and_folders_enter_its_hash(tmp_path):
    torch.save({"model": net(1).state_dict(), "ema": net(3).state_dict()}, tmp_path / "w.pt")
    plain, keyed = checkpoint_hash(tmp_path / "w.pt"), checkpoint_hash(f"{tmp_path / 'w.pt'}#ema")
    assert plain == file_hash(tmp_path / "w.pt")
    assert keyed != plain


def test_a_folder_with_weights(tmp_path):
    with pytest.raises(UserError, match=r"folder without model\.safetensors"):
        load_checkpoint(net(2), tmp_path)
    save_checkpoint(net(1), tmp_path / "model.safetensors")
    same_as(net(2), tmp_path)
    parts = tmp_path / "parts"
    parts.mkdir()
    names = list(net(1).state_dict())
    for number, name in enumerate(names):
        safetensors_save({name: net(1).state_dict()[name]}, str(parts / f"model-{number}.safetensors"))
    index = {"weight_map": {name: f"model-{number}.safetensors" for number, name in enumerate(names)}}
    (parts / "model.safetensors.index.json").write_text(json.dumps(index))
    same_as(net(2), parts)
    index["weight_map"][names[0]] = "../model.safetensors"
    (parts / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match="no file beside it"):
        load_checkpoint(net(2), parts)


def test_arguments_and_numpy_numbers_beside_the_weights(tmp_path):
    beside = {
        "args": argparse.Namespace(lr=0.1, out=Path("x")),
        "best": np.float64(0.9),
        "last": np.int64(3),
        "rng": np.arange(3),
    }
    torch.save({"model": net(1).state_dict(), **beside}, tmp_path / "w.pt")
    same_as(net(2), tmp_path / "w.pt")


def test_old_files_without_counters_and_tied_weights(tmp_path):
    first, second = Tied(), Tied()
    first.first.weight.data.fill_(0.5)
    state = first.state_dict()
    del state["norm.num_batches_tracked"], state["second.weight"]
    torch.save(state, tmp_path / "w.pt")
    load_checkpoint(second, tmp_path / "w.pt")
    assert weights_hash(second) == weights_hash(first)


def test_the_type_that_is_refused_is_named(tmp_path):
    torch.save({"model": net(1).state_dict(), "config": Loud()}, tmp_path / "w.pt")
    with pytest.raises(UserError, match="type _pytest"):
        read_state(tmp_path / "w.pt")
    torch.save({"model": net(1).state_dict(), "rows": np.array([Loud()], dtype=object)}, tmp_path / "o.pt")
    with pytest.raises(UserError, match="not a plain state dict"):
        read_state(tmp_path / "o.pt")
    torch.save(net(1), tmp_path / "whole.pt")
    with pytest.raises(UserError, match=r"type torch\.nn\.modules\.container\.Sequential"):
        read_state(tmp_path / "whole.pt")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: w.to_sparse(), "sparse"),
        (lambda w: w.to_sparse_csr(), "sparse"),
        (lambda w: w.to("meta"), "without values"),
        (lambda w: w.to(torch.float8_e4m3fn), "float8_e4m3fn"),
        (lambda w: w.to(torch.complex64), "complex64"),
        (lambda w: (w * 10).to(torch.int8), "int8"),
        (lambda w: torch.quantize_per_tensor(w, 0.1, 0, torch.qint8), "quantised"),
        (lambda w: w * float("inf"), "NaN or infinite"),
        (lambda w: w[:, :1].expand(3, 4)[:2], "of another shape"),
    ],
)
def test_tensors_that_are_no_plain_numbers(tmp_path, change, said):
    state = net(1).state_dict()
    state["0.weight"] = change(state["0.weight"])
    torch.save(state, tmp_path / "w.pt")
    model = net(2)
    with pytest.raises(UserError, match=rf"{said}|0\.weight.*{said}"):
        load_checkpoint(model, tmp_path / "w.pt")
    assert weights_hash(model) == weights_hash(net(2))


def test_structures_without_end_are_looked_through_once(tmp_path):
    endless: dict = {"epoch": 1}
    endless["model"] = endless
    torch.save(endless, tmp_path / "loop.pt")
    deep: dict = {"net.weight": torch.ones(1)}
    for _ in range(200):
        deep = {"model": deep}
    torch.save(deep, tmp_path / "deep.pt")
    torch.save({f"k{i}": {"epoch": i} for i in range(20_000)}, tmp_path / "wide.pt")
    for name in ("loop", "deep", "wide"):
        with pytest.raises(UserError, match="holds no state dict"):
            read_state(tmp_path / f"{name}.pt")


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
@pytest.mark.parametrize("damage", ["cut", "empty", "noise", "flipped"])
def test_damaged_files(tmp_path, name, damage):
    path = tmp_path / name
    if name.endswith("pt"):
        torch.save(net(1).state_dict(), path)
    else:
        save_checkpoint(net(1), path)
    data = bytearray(path.read_bytes())
    if damage == "flipped":
        data[4] ^= 0xFF
        data[20] ^= 0xFF
    path.write_bytes(
        {
            "cut": bytes(data[: len(data) // 2]),
            "empty": b"",
            "noise": b"\x80\x02" + bytes(range(256)),
            "flipped": bytes(data),
        }[damage]
    )
    try:
        load_checkpoint(net(2), path)
    except UserError:
        return
    assert damage == "flipped"  # a bit of a zip header that nothing depends on


def test_only_regular_files_that_fit_into_memory(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.pt")
    for name in ("pipe.pt", "/dev/zero"):
        with pytest.raises(UserError, match="not a regular file"):
            read_state(tmp_path / name)
    (tmp_path / "loop.pt").symlink_to(tmp_path / "loop.pt")
    with pytest.raises(UserError, match="no checkpoint"):
        read_state(tmp_path / "loop.pt")
    with pytest.raises(UserError, match="no checkpoint"):
        read_state(tmp_path / ("x" * 5000))
    torch.save({"w": torch.zeros(100_000)}, tmp_path / "w.pt")
    with (
        zipfile.ZipFile(tmp_path / "w.pt") as plain,
        zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for member in plain.namelist():
            packed.writestr(member, plain.read(member))
    assert (tmp_path / "bomb.pt").stat().st_size < 10_000
    free = psutil.virtual_memory()._replace(available=100_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    for name in ("w.pt", "bomb.pt"):
        with pytest.raises(UserError, match="GB of memory are free"):
            read_state(tmp_path / name)


@pytest.mark.parametrize("damage", [b"", b"PK", b"\x80\x02}q\x00."])
def test_a_damaged_unfinished_training_says_what_to_delete(tmp_path, damage):
    from attribution.training.state import TrainingState

    model = net(1)
    (tmp_path / ".state").mkdir()
    (tmp_path / ".state" / "state.pt").write_bytes(damage)
    with pytest.raises(UserError, match=r"unfinished training.*Delete .*\.state"):
        TrainingState(model, torch.optim.SGD(model.parameters(), lr=0.1)).resume(tmp_path)


def converted(error: UserError) -> None:
    """Do what the third sentence of a refusal says."""
    _, lines = error.do.split(":\n")
    exec(lines, {})


def test_what_a_refusal_of_pickled_objects_says_works(tmp_path):
    whole, beside, script = (tmp_path / name for name in ("whole.pt", "beside.pt", "script.pt"))
    torch.save(net(1), whole)
    torch.save({"model": net(1).state_dict(), "trainer": Fraction(1, 2)}, beside)
    torch.jit.script(net(1)).save(str(script))
    for path, said in ((whole, "Sequential"), (beside, "Fraction"), (script, "TorchScript")):
        with pytest.raises(UserError, match=said) as caught:
            read_state(path)
        converted(caught.value)
        same_as(net(2), path.with_name(f"{path.stem}-weights.pt"))


def test_what_a_refusal_of_a_distributed_checkpoint_says_works(tmp_path):
    import torch.distributed.checkpoint as dcp

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcp.save({"model": net(1).state_dict()}, checkpoint_id=tmp_path / "dcp")
    with pytest.raises(UserError, match="distributed checkpoint") as caught:
        read_state(tmp_path / "dcp")
    command = caught.value.do.split(": ", 1)[1].split("; then")[0]
    subprocess.run([sys.executable, *command.split()[1:]], check=True, capture_output=True)
    same_as(net(2), tmp_path / "dcp.pt")


class Adapted(nn.Module):
    """A frozen layer with an adapter, and a head that was trained along, named as peft names them."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.base = nn.Linear(4, 3)
        self.lora_A = nn.ModuleDict({"default": nn.Linear(4, 2, bias=False)})
        self.head = nn.Module()
        self.head.modules_to_save = nn.ModuleDict({"default": nn.Linear(3, 2)})


def test_an_adapter_is_put_into_a_model_that_has_one(tmp_path):
    kept = Adapted(1)
    names = ("lora_A.weight", "head.weight", "head.bias")
    tensors = [kept.lora_A["default"].weight, *kept.head.modules_to_save["default"].parameters()]
    torch.save(dict(zip(names, tensors, strict=True)), tmp_path / "adapter_model.bin")
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "base"}')
    for path in (tmp_path, tmp_path / "adapter_model.bin"):
        model = Adapted(2)
        own = model.base.weight.clone()
        (said,) = load_checkpoint(model, path)
        assert "an adapter; the weights of its base are the model's own" in said
        assert torch.equal(model.base.weight, own)
        assert torch.equal(model.lora_A["default"].weight, kept.lora_A["default"].weight)
        assert torch.equal(model.head.modules_to_save["default"].bias, kept.head.modules_to_save["default"].bias)
    with pytest.raises(UserError, match=r"the model has none.*hf:FOLDER"):
        load_checkpoint(net(2), tmp_path)


def trainer_folder(folder, rates, steps=(10, 20, 30)):
    """What Hugging Face's Trainer leaves: a folder every ten steps, each with what was logged up to then."""
    for step in steps:
        here = folder / f"checkpoint-{step}"
        here.mkdir(parents=True)
        save_checkpoint(net(step), here / "model.safetensors")
        log = [{"step": at, "learning_rate": rate, "loss": 1.0} for at, rate in rates if at <= step]
        (here / "trainer_state.json").write_text(json.dumps({"log_history": [*log, {"step": step, "eval_loss": 1.0}]}))


def test_the_checkpoints_of_a_trainer_come_in_order_with_their_rates(tmp_path):
    trainer_folder(tmp_path / "run", [(5, 4e-4), (10, 3e-4), (15, 2e-4), (20, 1e-4), (30, 0.0)], steps=(10, 30, 20))
    (tmp_path / "run" / "checkpoint-9-old").mkdir()
    found = listed(ModelConfig("mlp", checkpoints=(str(tmp_path / "run"),)))
    assert [Path(path).name for path in found.checkpoints] == ["checkpoint-10", "checkpoint-20", "checkpoint-30"]
    assert found.checkpoint_lr == pytest.approx((3.5e-4, 2e-4, 0.5e-4))
    assert told(found) == [
        "3 checkpoints, oldest first: checkpoint-10, checkpoint-20, checkpoint-30, with learning rates from 0.00035 to "
        "5e-05"
    ]
    own = listed(ModelConfig("mlp", checkpoints=(str(tmp_path / "run"),), checkpoint_lr=(0.1,)))
    assert own.checkpoint_lr == (0.1,)
    for path in found.checkpoints:
        (Path(path) / "trainer_state.json").unlink()
    assert listed(ModelConfig("mlp", checkpoints=(str(tmp_path / "run"),))).checkpoint_lr == ()


def test_a_damaged_record_of_a_trainer_is_named(tmp_path):
    trainer_folder(tmp_path, [(5, 4e-4)])
    (tmp_path / "checkpoint-20" / "trainer_state.json").write_text("{")
    with pytest.raises(UserError, match=r"checkpoint-20.trainer_state\.json cannot be read"):
        listed(ModelConfig("mlp", checkpoints=(str(tmp_path),)))


def test_numbered_files_of_a_folder_come_in_the_order_of_their_numbers(tmp_path):
    for epoch in (2, 10, 1):
        torch.save(net(epoch).state_dict(), tmp_path / f"epoch={epoch}-step={epoch * 7}.ckpt")
    torch.save(net(0).state_dict(), tmp_path / "last.ckpt")
    found = listed(ModelConfig("mlp", checkpoints=(str(tmp_path),)))
    assert [Path(path).stem.partition("-")[0] for path in found.checkpoints] == ["epoch=1", "epoch=2", "epoch=10"]
    one = ModelConfig("mlp", checkpoints=(str(tmp_path / "last.ckpt"),))
    assert listed(one) is one
