"""Turn-over dropout: masks are complements fixed by id, and a sample really leaves its other half alone."""

import numpy as np
import pytest
import torch
from tiny_world import World, build

from attribution.datasets.dataset import Labels
from attribution.errors import UserError
from attribution.estimators._turn_over import TurnOver, last_linear


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return build(tmp_path_factory.mktemp("turn-over"))


def test_masks_are_halves_and_belong_to_the_sample(world):
    halves, rows = TurnOver(world.trained(), 0), np.array([4, 9, 20])
    masks = halves.masks(rows)
    assert ((masks > 0).sum(1) == masks.shape[1] // 2).all()
    assert (masks * halves.flipped(masks) == 0).all()
    assert ((masks + halves.flipped(masks)) > 0).all()
    torch.testing.assert_close(halves.masks(rows[::-1].copy()), masks.flip(0))
    assert not torch.equal(TurnOver(world.trained(), 1).masks(rows), masks)


def test_a_sample_leaves_its_other_half_of_the_last_layer_alone(world, monkeypatch):
    """Trained on one sample, with no penalty, the weights behind its complement stay where they started."""
    from dataclasses import replace

    from attribution.models.build import build_model

    active = np.zeros(len(world.dataset), dtype=bool)
    active[[5, *world.dataset.rows("test")]] = True
    labels = Labels.of(world.dataset, world.labels.values, active)
    trained = World(world.dataset, labels, world.run, world.flipped).trained()
    recipe = replace(world.run.train_config, weight_decay=0.0)
    monkeypatch.setattr(type(world.run), "train_config", property(lambda self: recipe))
    halves = TurnOver(trained, 3)
    start = build_model(world.run.model_config, world.dataset.info, world.run.config["seed"], trusted=False)
    moved = (last_linear(halves.network).weight - last_linear(start).weight).abs().sum(0)
    touched = halves.masks(np.array([5]))[0] > 0
    assert (moved[~touched] == 0).all()
    assert (moved[touched] > 0).any()


def test_pairs_and_own_losses_agree_with_the_masked_network(world):
    halves, rows = TurnOver(world.trained(), 0), np.array([3, 8, 11])
    features, masks = halves.features(rows), halves.masks(rows)
    labels = torch.as_tensor(world.labels.values[rows])
    pairs = halves.losses(features, labels, masks)
    torch.testing.assert_close(pairs.diagonal(), halves.own_losses(features, labels, masks))
    head = last_linear(halves.network)
    handle = head.register_forward_pre_hook(lambda module, inputs: (inputs[0] * masks[1], *inputs[1:]))
    with torch.no_grad():
        direct = torch.nn.functional.cross_entropy(
            halves.network(world.trained().batch(rows)[0]), labels, reduction="none"
        )
    handle.remove()
    torch.testing.assert_close(pairs[1], direct)


def test_it_is_trained_once_and_found_again(world):
    first = TurnOver(world.trained(), 7)
    weights = last_linear(first.network).weight.clone()
    before = {path: path.stat().st_mtime_ns for path in (world.run.folder / "turn-over").glob("*")}
    torch.testing.assert_close(last_linear(TurnOver(world.trained(), 7).network).weight, weights)
    assert {path: path.stat().st_mtime_ns for path in (world.run.folder / "turn-over").glob("*")} == before


def test_a_network_without_a_last_layer_is_named():
    with pytest.raises(UserError, match="no last linear layer"):
        last_linear(torch.nn.Sequential(torch.nn.Flatten()))
