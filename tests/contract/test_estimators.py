"""Every registered estimator keeps these promises; a new one is tested by being there."""

import dataclasses

import numpy as np
import pytest
import torch
from studied import score
from tiny_world import COPIES, World, reordered

from attribution.errors import UserError
from attribution.estimators import estimators
from attribution.estimators.base import FAMILIES, Estimator, Query
from attribution.settings.configs import ScoreConfig
from attribution.studies.influence import plan

# The others: tests/estimators/test_datamodels.py.
NAMES = [
    name
    for name in estimators.names()
    if estimators.get(name).serves("class") and not estimators.get(name).from_subsets
]
EXACT = {"rtol": 2e-4, "atol": 2e-5}


def queries_of(world: World, count: int = 5) -> list[Query]:
    return [Query(str(world.dataset.ids[row]), (int(row),)) for row in world.dataset.rows("test")[:count]]


def scores(world: World, name: str, queries: list[Query], rows: np.ndarray, batch: int = 1000) -> np.ndarray:
    estimator = estimators.get(name)(world.trained(batch_size=batch), seed=1)
    estimator.prepare(queries)
    return np.concatenate(
        [estimator.score(rows[start : start + batch]).influence.numpy() for start in range(0, len(rows), batch)]
    )


@pytest.mark.parametrize("name", NAMES)
def test_shape_and_finite(world, name):
    estimator = estimators.get(name)(world.trained())
    estimator.prepare(queries_of(world))
    block = estimator.score(world.dataset.rows("train")[:7])
    assert block.influence.shape == (7, 5)
    assert torch.isfinite(block.influence).all()
    if block.cosine is not None:
        assert block.cosine.shape == (7, 5)
        assert block.cosine.abs().max() <= 1 + 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_batches_do_not_matter(world, name):
    rows, queries = world.dataset.rows("train"), queries_of(world)
    whole = scores(world, name, queries, rows)
    np.testing.assert_allclose(scores(world, name, queries, rows, batch=7), whole, **EXACT)


@pytest.mark.parametrize("name", NAMES)
def test_queries_do_not_see_each_other(world, name):
    rows, queries = world.dataset.rows("train"), queries_of(world)
    whole = scores(world, name, queries, rows)
    alone = np.hstack([scores(world, name, [query], rows) for query in queries])
    np.testing.assert_allclose(alone, whole, **EXACT)


@pytest.mark.parametrize("name", NAMES)
def test_row_order_does_not_matter(world, name, tmp_path):
    other, order = reordered(world, tmp_path)
    rows = world.dataset.rows("train")
    before = scores(world, name, queries_of(world, 18), rows)
    after = scores(other, name, queries_of(other, 18), rows)
    places = order[world.dataset.rows("test")] - world.dataset.rows("test")[0]
    exact = EXACT | {"atol": estimators.get(name).rounding}
    np.testing.assert_allclose(after, before[order[rows]][:, places], **exact)


@pytest.mark.parametrize("name", NAMES)
def test_shards_do_not_matter(world, name, tmp_path, monkeypatch):
    asked, config = world.dataset.rows("test"), ScoreConfig(estimator=name, device="cpu", batch_size=16)
    args = (world.dataset, world.labels, world.run, config, asked)
    whole = score(*args, tmp_path / "whole")
    monkeypatch.setattr(plan, "SHARD_BYTES", (64, 64))
    monkeypatch.setattr(plan, "QUERY_BUDGET_BYTES", 5 * world.trained().parameter_bytes())
    cut = score(*args, tmp_path / "cut")
    assert len(list((cut.folder / "shards").iterdir())) > len(list((whole.folder / "shards").iterdir()))
    np.testing.assert_allclose(cut.matrix()[1], whole.matrix()[1], **EXACT)


@pytest.mark.parametrize("name", [name for name in NAMES if not estimators.get(name).control])
def test_positive_means_helpful(world, name):
    """A training sample helps a query that is its own copy, and harms the same input under another label."""
    copies = world.dataset.rows("test")[:COPIES]
    influence = scores(world, name, [Query(str(row), (int(row),)) for row in copies], np.arange(COPIES))
    assert (np.diag(influence) > 0).all()
    values = world.labels.values.copy()
    values[copies] = (values[copies] + 1) % 3
    contrary = World(
        world.dataset, type(world.labels).of(world.dataset, values, world.labels.active), world.run, world.flipped
    )
    influence = scores(contrary, name, [Query(str(row), (int(row),)) for row in copies], np.arange(COPIES))
    assert (np.diag(influence) < 0).all() or not estimators.get(name).contrary


@pytest.mark.parametrize("name", [name for name in NAMES if not estimators.get(name).control])
def test_a_group_is_its_mean_loss(world, name):
    """Estimators are linear in the query to first order: a group of one sample named twice over equals that sample."""
    rows, test = world.dataset.rows("train"), world.dataset.rows("test")[:2]
    group = scores(world, name, [Query("both", tuple(test.tolist()))], rows)[:, 0]
    single = scores(world, name, [Query("one", (int(test[0]),)), Query("two", (int(test[1]),))], rows)
    assert np.corrcoef(group, single.mean(1))[0, 1] > 0.5
    np.testing.assert_allclose(
        scores(world, name, [Query("one", (int(test[0]), int(test[0])))], rows)[:, 0], single[:, 0], **EXACT
    )


@pytest.mark.parametrize("name", NAMES)
def test_other_measures_are_answered_or_refused(world, name, tmp_path):
    """An estimator that does not say ``loss_only`` gives another matrix for the margin; the others refuse instead of
    answering the loss."""
    asked, config = world.dataset.rows("test")[:3], ScoreConfig(estimator=name, device="cpu")
    args = (world.dataset, world.labels, world.run)
    margin = dataclasses.replace(config, measure="margin")
    if estimators.get(name).loss_only:
        with pytest.raises(UserError, match="cannot be asked of margin"):
            score(*args, margin, asked, tmp_path)
    elif not estimators.get(name).control:
        one, other = score(*args, config, asked, tmp_path), score(*args, margin, asked, tmp_path)
        assert one.id != other.id
        assert other.measure == "margin"
        assert not np.allclose(one.matrix()[1], other.matrix()[1], **EXACT)


@pytest.mark.parametrize("name", NAMES)
def test_model_is_handed_back_as_it_was(world, name):
    trained = world.trained()
    model = trained.model()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    estimator = estimators.get(name)(trained)
    estimator.prepare(queries_of(world))
    estimator.score(world.dataset.rows("train"))
    assert not model.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(value.requires_grad and value.grad is None for value in model.parameters())


@pytest.mark.parametrize("name", estimators.names())
def test_words(name):
    estimator = estimators.get(name)
    for word in (estimator.title, estimator.summary, estimator.formula, estimator.cost, estimator.source):
        assert word.strip()


@pytest.mark.parametrize("name", estimators.names())
def test_a_family_is_one_that_people_are_offered(name):
    assert estimators.get(name).family in FAMILIES.keys() - {"other"}  # which stands for those of other packages
    assert (estimators.get(name).family == "control") == estimators.get(name).control


def test_an_estimator_that_names_no_family_stands_among_the_others():
    assert FAMILIES[Estimator.family][0] == "Others"
