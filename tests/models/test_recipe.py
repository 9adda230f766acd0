"""The recipe's pure functions."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attribution.errors import UserError
from attribution.settings.configs import TrainConfig
from attribution.training.recipe import batches, checkpoint_epochs, epoch_order, influence_weight
from attribution.training.schedules import learning_rate


@given(st.integers(1, 200), st.integers(1, 40), st.integers(1, 2))
def test_batches_hold_every_position_once(n, size, least):
    parts = list(batches(torch.arange(n), size, least=least))
    assert torch.equal(torch.cat(parts), torch.arange(n))
    assert all(len(part) >= min(least, n) for part in parts)
    assert all(len(part) <= max(size, least) + least - 1 for part in parts)


@given(st.integers(1, 60), st.integers(1, 70))
def test_checkpoints_are_spread_and_end_with_the_last_epoch(epochs, count):
    found = checkpoint_epochs(epochs, count)
    assert found == sorted(set(found))
    assert found[-1] == epochs
    assert found[0] >= 1
    assert len(found) == min(epochs, count)


def test_dropping_samples_keeps_the_order_of_the_others():
    active = np.ones(50, dtype=bool)
    active[[3, 10, 44]] = False
    full, some = epoch_order(np.ones(50, dtype=bool), 9).tolist(), epoch_order(active, 9).tolist()
    assert some == [position for position in full if active[position]]
    assert sorted(full) == list(range(50))
    assert full != epoch_order(np.ones(50, dtype=bool), 10).tolist()


def test_schedules():
    cosine = [learning_rate(step, 100, TrainConfig(lr=0.2)) for step in range(100)]
    assert cosine[0] == 0.2
    assert cosine[50] == pytest.approx(0.1)
    assert 0 < cosine[99] < 1e-3
    assert cosine == sorted(cosine, reverse=True)
    assert learning_rate(70, 100, TrainConfig(lr=0.2, schedule="constant")) == 0.2


def test_influence_weight_is_the_learning_rate_mass_of_one_sample():
    # 3 epochs of 5 steps: a sample takes part in 3 of the 15, each moving by lr / batch size along its gradient
    config = TrainConfig(lr=0.1, momentum=0.0, batch_size=20)
    assert influence_weight(15 * 0.1, 100, config) == pytest.approx(3 * 0.1 / 20)
    assert influence_weight(1.5, 100, TrainConfig(momentum=0.9)) == pytest.approx(0.15)


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"lr": 0.0},
        {"momentum": 1.0},
        {"optimizer": "lion"},
        {"schedule": "poly"},
        {"seed": -1},
    ],
)
def test_impossible_recipes_are_refused_by_name(change):
    (name,) = change
    with pytest.raises(UserError, match=name):
        TrainConfig(**change)
