"""Every estimator and every measure with every task: it answers, or refuses in words that name what answers instead."""

import re

import numpy as np
import pytest
import torch
from tiny_world import COPIES, TASKS, World, build_chats, build_task, rewritten

from attribution.datasets.dataset import Labels
from attribution.errors import UserError
from attribution.estimators import estimators
from attribution.estimators.base import Query
from attribution.measures import measures
from attribution.measures.query import measure_of, query_gradients
from attribution.modalities import alt
from attribution.training.subsets import Subsets

NAMES = [name for name in estimators.names() if not estimators.get(name).from_subsets]
EXACT = {"rtol": 5e-4, "atol": 5e-5}
# Halves of a network, other networks, one sign per weight, residuals of earlier checkpoints, whose sign is another, or
# a solve of some weights alone, or a direction that likelier answers need not take.
NOISY = {"turn-over-dropout", "forward-inf-released", "trak-ensemble", "source", "gif-projected", "concept"}


TEXTS = "causal-lm"


@pytest.fixture(scope="module", params=[TEXTS, *(name for name in TASKS if name != "classification")])
def world(request, tmp_path_factory) -> World:
    folder = tmp_path_factory.mktemp(request.param)
    return build_chats(folder) if request.param == TEXTS else build_task(folder, request.param)


def queries_of(world: World, count: int = 4) -> list[Query]:
    return [Query(str(row), (int(row),)) for row in world.dataset.rows("test")[:count]]


def scores(world: World, name: str, queries: list[Query], rows: np.ndarray, batch: int = 1000) -> np.ndarray:
    estimator = estimators.get(name)(world.trained(batch_size=batch), seed=1)
    estimator.prepare(queries)
    return np.concatenate(
        [estimator.score(rows[start : start + batch]).influence.numpy() for start in range(0, len(rows), batch)]
    )


def refuses(world: World, plug: type) -> bool:
    """Whether it refuses this task; then its words must name another plug-in that does not."""
    if plug.serves(world.dataset.task.kind):
        return False
    with pytest.raises(UserError, match=f"{plug.name} is about") as refused:
        plug.check(world.dataset.task)
    registry = estimators if plug.name in estimators.names() else measures
    named = [name for name in registry.names() if re.search(rf"\b{re.escape(name)}\b", refused.value.do)]
    assert named
    assert all(registry.get(name).serves(world.dataset.task.kind) for name in named)
    return True


def other_side(world: World) -> np.ndarray:
    """Targets of the first samples that are wrong: another class or set, a number on the other side of what the model
    says."""
    task, values = world.dataset.task, world.labels.values[:COPIES]
    if task.kind != "number":
        return task.targets.plant(values, np.random.default_rng(1))
    said = task.said_kept(world.run.outputs()[:COPIES], values)["prediction"]
    return said - 2 * task.targets.std * np.sign(values - said)


def spoilt_targets(world: World) -> World:
    """The same with the first samples' targets on the wrong side."""
    values = world.labels.values.copy()
    values[:COPIES] = other_side(world)
    return World(world.dataset, Labels.of(world.dataset, values, world.labels.active), world.run, world.flipped)


@pytest.mark.parametrize("name", NAMES)
def test_an_estimator_answers_or_names_another(world, name):
    plug = estimators.get(name)
    if refuses(world, plug):
        with pytest.raises(UserError, match="is about"):
            plug(world.trained())
        return
    rows, queries = world.dataset.rows("train"), queries_of(world)
    whole = scores(world, name, queries, rows)
    assert whole.shape == (len(rows), len(queries))
    assert np.isfinite(whole).all()
    assert np.ptp(whole) > 0
    np.testing.assert_allclose(scores(world, name, queries, rows, batch=13), whole, **EXACT)
    estimator = plug(world.trained())
    unit = estimator.measured_in(measure_of(world.trained()).measured_in(world.dataset.task))
    if world.dataset.task.kind == "number":
        assert not {"nats", "logits"} & set(unit.split())


@pytest.mark.parametrize("name", [name for name in NAMES if not estimators.get(name).control])
def test_positive_means_helpful(world, name):
    """A training sample helps a query that is its own copy."""
    if refuses(world, estimators.get(name)):
        return
    copies = world.dataset.rows("test")[:COPIES]
    influence = scores(world, name, [Query(str(row), (int(row),)) for row in copies], np.arange(COPIES))
    positive = (np.diag(influence) > 0).sum()
    assert positive == COPIES or (name in NOISY and positive >= 2)


@pytest.mark.parametrize("name", ["ip", "influence-cg", "ekfac", "datainf", "forward-inf", "cosine", "trak"])
def test_a_wrong_target_harms_more_than_the_right_one(world, name, tmp_path):
    """The same training samples with targets moved to the wrong side: what they do to their copies falls."""
    copies = world.dataset.rows("test")[:COPIES]
    queries = [Query(str(row), (int(row),)) for row in copies]
    right = np.diag(scores(world, name, queries, np.arange(COPIES)))
    spoilt = rewritten(world, tmp_path) if world.dataset.task.kind == "text" else spoilt_targets(world)
    wrong = np.diag(scores(spoilt, name, queries, np.arange(COPIES)))
    assert (wrong < right).all()


@pytest.mark.parametrize("name", measures.names())
def test_a_measure_answers_or_names_another(world, name):
    if refuses(world, measures.get(name)):
        with pytest.raises(UserError, match="is about"):
            query_gradients(world.trained(), [Query("all", tuple(world.dataset.rows("val").tolist()), name)])
        return
    if measures.get(name).needs.startswith("questions"):
        with pytest.raises(UserError, match="was asked of samples of the data"):
            measure_of(world.trained(), name).value(world.trained(), world.dataset.rows("val"))
        return
    if measures.get(name).group_only:
        pytest.skip("needs a group column: tests/measures")
    trained = world.trained()
    measure, rows = measure_of(trained, name), world.dataset.rows("val").tolist()
    value, gradient = measure.value(trained, rows), measure.gradient(trained, rows)
    assert np.isfinite(value)
    length = 1e-3
    norm = torch.sqrt(sum(part.square().sum() for part in gradient.values()))
    moved = world.trained()
    with torch.no_grad():
        for key, parameter in moved.model().named_parameters():
            parameter -= length * gradient[key] / norm
    fallen = value - measure_of(moved, name).value(moved, rows)
    assert fallen == pytest.approx(length * float(norm), rel=0.1)
    assert measure.measured_in(world.dataset.task)


@pytest.mark.parametrize(
    "name", [name for name in NAMES if not (estimators.get(name).loss_only or estimators.get(name).control)]
)
def test_what_is_asked_of_the_margin_is_another_question(world, name):
    if refuses(world, estimators.get(name)):
        return
    rows = world.dataset.rows("train")
    loss, margin = (
        scores(world, name, [Query("one", (int(world.dataset.rows("test")[0]),), measure)], rows)
        for measure in ("loss", "margin")
    )
    assert np.isfinite(margin).all()
    parts = world.dataset.task.kind in ("set", "text") and estimators.get(name).by_weights  # several labels or tokens
    if parts and name != "concept":  # which asks what texts have in common, not how likely they are
        assert not np.allclose(loss, margin, **EXACT)
    else:  # of one output the two gradients are parallel
        assert np.corrcoef(loss[:, 0], margin[:, 0])[0, 1] > 0.5


def test_forward_inf_can_be_asked_of_the_margin_by_every_task(world):
    rows = world.dataset.rows("train")
    estimator = estimators.get("forward-inf")(world.trained()).adjusted(objective="margin")
    estimator.prepare(queries_of(world))
    found = estimator.score(rows).influence.numpy()
    assert np.isfinite(found).all()
    assert not np.allclose(found, scores(world, "forward-inf", queries_of(world), rows), **EXACT)  # read off otherwise
    assert estimator.measured_in().endswith("of margin")


def test_datamodels_are_fitted_to_the_losses_of_every_task(world):
    home, run = world.run.folder.parent.parent, world.run
    store = Subsets.at(home / "subsets", world.dataset, world.labels, run.model_config, run.train_config)
    store.grow(world.dataset, world.labels, 10, device="cpu")
    queries = queries_of(world)
    estimator = estimators.get("datamodels")(world.trained())
    estimator.prepare(queries)
    assert np.isfinite(estimator.score(world.dataset.rows("train")).influence.numpy()).all()
    rows = [query.rows[0] for query in queries]
    losses = store.losses(rows, world.labels.values[rows])
    model = store.model(0, world.dataset)
    x, y = world.trained().batch(rows)
    np.testing.assert_allclose(losses[0], world.dataset.task.loss(model(x), y).detach().numpy(), rtol=1e-4, atol=1e-5)


def test_an_attack_raises_the_loss_or_is_refused(world):
    if refuses(world, measures.get("fgsm")):
        assert refuses(world, measures.get("pgd"))
        return
    trained, rows = world.trained(), world.dataset.rows("val").tolist()
    loss = measure_of(trained, "loss").value(trained, rows)
    assert measure_of(trained, "fgsm").value(trained, rows) > loss
    assert measure_of(trained, "pgd").value(trained, rows) > loss


def test_a_sample_is_described_with_what_it_came_with(world):
    targets = world.dataset.task.targets
    if targets.kind == "text":
        assert world.dataset.conversation(0).answer in alt(world.dataset, 0)
        return
    assert f"imported with the {targets.noun} {targets.word(world.dataset.labels[0])}" in alt(world.dataset, 0)
