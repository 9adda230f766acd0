"""What needs a GPU: the engine, training and scores give there what they give on the CPU. Needs torch, numpy, pandas,
pyarrow, pytest alone."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from engine_models import MODELS, make
from studied import score
from tiny_world import build

from attribution.estimators import estimators
from attribution.gradients.engine import GradientEngine
from attribution.models.devices import pick_device
from attribution.settings.configs import ModelConfig, ScoreConfig, TrainConfig
from attribution.training.train import train
from attribution.training.trained import TrainedModel

pytestmark = [pytest.mark.cuda, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]

# Through retrained networks or draws that differ between devices; the others are functions of the same weights.
OTHERWISE = ("datamodels", "leave-one-out", "turn-over-dropout", "ip-dropout", "random")


@pytest.fixture(autouse=True)
def full_precision() -> Iterator[None]:
    allowed = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = allowed


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return build(tmp_path_factory.mktemp("world"))


@pytest.mark.parametrize("name", MODELS)
def test_dots_and_norms_are_those_of_the_cpu(name):
    model, x, y = make(name, dtype=torch.float32)
    engine = GradientEngine(model)
    dots, norms = engine.dots_and_norms(x, y, engine.queries(x, y))
    model, x, y = model.cuda(), x.cuda(), y.cuda()
    engine = GradientEngine(model)
    on_gpu, gpu_norms = engine.dots_and_norms(x, y, engine.queries(x, y))
    assert (on_gpu.cpu() - dots).abs().max() <= 1e-3 * dots.abs().max()
    torch.testing.assert_close(gpu_norms.cpu(), norms, rtol=1e-3, atol=0.0)


def test_bfloat16_is_good_to_two_digits():
    model, x, y = make(next(iter(MODELS)), dtype=torch.float32)
    model, x, y = model.cuda(), x.cuda(), y.cuda()
    exact, rough = GradientEngine(model), GradientEngine(model, autocast=torch.bfloat16)
    dots = exact.dots(x, y, exact.queries(x, y))
    assert (rough.dots(x, y, rough.queries(x, y)) - dots).abs().max() <= 0.05 * dots.abs().max()


def test_training_repeats_and_agrees_with_the_cpu(world, tmp_path):
    recipe = TrainConfig(epochs=4, batch_size=8, lr=0.05, checkpoints=2, device="cuda")
    args = (world.dataset, world.labels, ModelConfig("mlp", width=24))
    first, second = (train(*args, recipe, tmp_path / name) for name in "ab")
    assert np.array_equal(first.probabilities(), second.probabilities())
    cpu = train(*args, dataclasses.replace(recipe, device="cpu"), tmp_path / "c")
    assert np.allclose(first.probabilities(), cpu.probabilities(), atol=1e-3)


@pytest.mark.parametrize(
    "name",
    [name for name in estimators.names() if name not in OTHERWISE and estimators.get(name).serves("class")],
)
def test_scores_are_those_of_the_cpu(world, name, tmp_path):
    rows, args = world.dataset.rows("test"), (world.dataset, world.labels, world.run)
    on = {
        device: score(*args, ScoreConfig(estimator=name, device=device), rows, tmp_path / device).matrix()[1]
        for device in ("cuda", "cpu")
    }
    assert np.abs(on["cuda"] - on["cpu"]).max() <= 5e-3 * np.abs(on["cpu"]).max()


def test_convolutions_are_exact_where_nobody_allowed_less():
    """PyTorch lets cuDNN round convolutions to TF32 unless told otherwise."""
    name = next(name for name in MODELS if name.startswith("conv"))
    model, x, y = make(name, dtype=torch.float32)
    dots = GradientEngine(model).dots(x, y, GradientEngine(model).queries(x, y))
    model, x, y = model.cuda(), x.cuda(), y.cuda()
    torch.backends.cudnn.allow_tf32 = True
    engine = GradientEngine(model)
    on_gpu = engine.dots(x, y, engine.queries(x, y))
    assert (on_gpu.cpu() - dots).abs().max() <= 1e-5 * dots.abs().max()
    assert torch.backends.cudnn.allow_tf32


def test_more_samples_go_together_than_on_a_cpu(world):
    sizes = [TrainedModel(world.dataset, world.labels, world.run, device=name).batch_size for name in ("cpu", "cuda")]
    assert sizes[0] == 128 < sizes[1]


def test_the_device_is_the_first_one_unless_a_worker_has_its_own():
    assert pick_device("cuda").type == "cuda"
