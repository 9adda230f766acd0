"""Splits: given ones are kept, the rest is drawn per class."""

import numpy as np
import pytest

from attribution.datasets.splits import assign_splits, split_name, split_order
from attribution.errors import UserError
from attribution.settings.configs import DataConfig


def test_fractions_hold_in_every_class():
    labels = np.repeat([0, 1, 2], [100, 40, 10])
    splits, note = assign_splits(
        np.full(150, "", dtype=object), labels, DataConfig(val_fraction=0.1, test_fraction=0.2, seed=3)
    )
    counts = [
        [int(((labels == label) & (splits == name)).sum()) for name in ("train", "val", "test")] for label in range(3)
    ]
    assert counts == [[70, 10, 20], [28, 4, 8], [7, 1, 2]]
    assert "seed 3" in note


def test_same_seed_same_split_and_another_seed_another():
    labels = np.arange(200) % 2
    none = np.full(200, "", dtype=object)
    first = assign_splits(none, labels, DataConfig(seed=0))[0]
    assert (first == assign_splits(none, labels, DataConfig(seed=0))[0]).all()
    assert (first != assign_splits(none, labels, DataConfig(seed=1))[0]).any()


def test_given_splits_are_kept_and_a_missing_one_is_drawn_from_train():
    given = np.array(["train"] * 80 + ["test"] * 20, dtype=object)
    splits, note = assign_splits(given, np.arange(100) % 2, DataConfig(val_fraction=0.25))
    assert (splits[80:] == "test").all()
    assert (splits[:80] == "val").sum() == 20
    assert note.startswith("train, test as given; val drawn")


def test_every_class_keeps_a_training_sample():
    splits, _ = assign_splits(
        np.full(4, "", dtype=object), np.array([0, 0, 1, 2]), DataConfig(val_fraction=0.5, test_fraction=0.4)
    )
    assert set(np.array([0, 0, 1, 2])[splits == "train"]) == {0, 1, 2}


@pytest.mark.parametrize(("val", "test"), [(0.5, 0.5), (0.3, 0.8)])
def test_fractions_that_leave_nothing_are_refused(val, test):
    with pytest.raises(UserError, match="leave nothing"):
        assign_splits(np.array([""]), np.array([0]), DataConfig(val_fraction=val, test_fraction=test))


def test_order_and_names():
    assert split_order(np.array(["test", "train", "val", "train"])).tolist() == [1, 3, 2, 0]
    assert [split_name(name) for name in ("Train", " validation ", "testing", "cats")] == ["train", "val", "test", None]
