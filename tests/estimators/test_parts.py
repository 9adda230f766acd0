"""Influence over a chosen part of the weights: which are meant, what is left out by what knows layers alone, and that
it is said."""

import numpy as np
import pytest
import torch
from engine_models import Contracted
from studied import score
from tiny_world import World, Wrapped, build, one_at_a_time
from torch import nn

from attribution.errors import UserError
from attribution.estimators import estimators
from attribution.estimators.base import Query
from attribution.settings.configs import ScoreConfig
from attribution.training.parts import attend, coverage
from attribution.training.trained import TrainedModel


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return build(tmp_path_factory.mktemp("parts"))


def strange(world: World) -> TrainedModel:
    """The same data asked of a network with a weight that no rule knows."""

    def change(model: nn.Module) -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(4, 6), nn.Tanh(), Contracted(6), nn.Linear(6, 3))

    return TrainedModel(world.dataset, world.labels, Wrapped(world.run, change=change), device="cpu")


class Adapted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv1d(1, 2, 1), nn.Linear(4, 3))
        self.lora_A, self.head = nn.Linear(3, 2), nn.Linear(2, 2)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (["last"], ["head.weight", "head.bias"]),
        (["adapters"], ["lora_A.weight", "lora_A.bias"]),
        (["linear"], ["body.1.weight", "body.1.bias", "lora_A.weight", "lora_A.bias", "head.weight", "head.bias"]),
        (["body"], ["body.0.weight", "body.0.bias", "body.1.weight", "body.1.bias"]),
        (["*.bias", "head.weight"], ["body.0.bias", "body.1.bias", "lora_A.bias", "head.weight", "head.bias"]),
    ],
)
def test_layers_are_named_by_pattern_module_or_word(layers, expected):
    model = attend(Adapted(), layers)
    assert [name for name, parameter in model.named_parameters() if parameter.requires_grad] == expected
    covers = coverage(model, expected)
    assert covers["of"] == sum(parameter.numel() for parameter in model.parameters())
    assert covers["weights"] == sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert set(covers["left_out"]) == {name for name, _ in model.named_parameters()} - set(expected)


def test_a_pattern_that_names_nothing_is_refused_with_names_that_there_are():
    with pytest.raises(UserError, match=r"'layer4\.\*'.*body\.0\.weight"):
        attend(Adapted(), ["layer4.*"])
    frozen = Adapted().requires_grad_(False)
    frozen.head.requires_grad_(True)
    with pytest.raises(UserError, match="none is trained"):
        attend(frozen, ["body"])


@pytest.mark.parametrize("name", ["ekfac", "kfac", "logra"])
def test_what_knows_layers_leaves_the_others_out_and_is_then_of_the_known_part(world, name):
    test, train = world.dataset.rows("test")[:3], world.dataset.rows("train")
    found = {}
    for which, trained in (("left", strange(world)), ("told", strange(world))):
        if which == "told":
            trained.layers = ("1", "4")
        estimator = estimators.get(name)(trained)
        assert (estimator.trained is trained) == (which == "told")
        estimator.prepare([Query(str(row), (int(row),)) for row in test])
        found[which] = estimator.score(train).influence.numpy()
        assert coverage(estimator.trained.model(), estimator.covered())["left_out"] == ["3.weight"]
    np.testing.assert_allclose(found["left"], found["told"], rtol=1e-6)
    assert np.abs(found["left"]).max() > 0


def test_ip_of_the_last_layer_is_that_of_autograd_and_the_result_says_what_it_covers(world, tmp_path):
    test, train = world.dataset.rows("test"), world.dataset.rows("train")
    config = ScoreConfig(estimator="ip", device="cpu")
    whole = score(world.dataset, world.labels, world.run, config, test, tmp_path)
    part = score(
        world.dataset,
        world.labels,
        world.run,
        ScoreConfig(estimator="ip", device="cpu", layers=("last",)),
        test,
        tmp_path,
    )
    assert whole.folder != part.folder
    assert whole.coverage_words.startswith("Covers 100 % of ")
    assert part.coverage_words.startswith("Covers ")
    assert part.config["asked"] == [{"layers": ["last"]}]
    trained = world.trained()
    names = [name for name, _ in trained.model().named_parameters()]
    sizes = [parameter.numel() for parameter in trained.model().parameters()]
    kept = np.repeat([name in names[-2:] for name in names], sizes)
    gi, gq = (one_at_a_time(trained.model(), *trained.batch(rows))[:, kept] for rows in (train, test))
    np.testing.assert_allclose(part.matrix()[1], (gi @ gq.T).numpy(), rtol=1e-4, atol=1e-6)
    assert part.config["covers"]["weights"] == kept.sum()
    assert all(parameter.requires_grad for parameter in world.run.model(-1, world.dataset).parameters())


def test_what_goes_by_no_weights_refuses_a_part_of_them(world, tmp_path):
    for name in ("representation", "leave-one-out"):
        with pytest.raises(UserError, match="part of the weights"):
            score(
                world.dataset,
                world.labels,
                world.run,
                ScoreConfig(estimator=name, device="cpu", layers=("last",)),
                world.dataset.rows("test"),
                tmp_path,
            )


def test_logra_says_that_it_leaves_out_what_is_no_linear_or_convolution_layer(world):
    def change(model: nn.Module) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(4, 6), nn.LayerNorm(6), nn.Linear(6, 3))

    trained = TrainedModel(world.dataset, world.labels, Wrapped(world.run, change=change), device="cpu")
    logra = estimators.get("logra")(trained)
    assert logra.covered() == ["1.weight", "1.bias", "3.weight", "3.bias"]
    assert set(logra.projections) == {"1.weight", "3.weight"}
    assert estimators.get("ekfac")(trained).covered() == trained.engine().covered
