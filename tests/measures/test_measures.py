"""Measures against finite differences and autograd in float64; their sign by taking the step; their refusals."""

import copy

import numpy as np
import pytest
import torch
from studied import score
from tiny_world import COPIES, World, build, in_double

from attribution.datasets.dataset import Dataset
from attribution.errors import UserError
from attribution.estimators import estimators
from attribution.estimators.base import Query
from attribution.measures import measures
from attribution.measures.query import measure_of, query_gradients
from attribution.settings.configs import ScoreConfig

NAMES = [name for name in measures.names() if measures.get(name).serves("class")]
GAPS = [name for name in NAMES if measures.get(name).group_only]
SETTINGS = {"epsilon": 0.3, "positive": "b"}


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> World:
    return build(tmp_path_factory.mktemp("measures"))


@pytest.fixture(scope="module")
def world(plain) -> World:
    """The tiny world with two groups, split by the first coordinate, so that the model treats them differently."""
    dataset = Dataset.open(plain.dataset.folder)
    dataset.samples["group"] = np.where(dataset.inputs[:, 0] > 0, "left", "right")
    return in_double(World(dataset, plain.labels, plain.run, plain.flipped))


def asked(world):
    return world.dataset.rows("val")


@pytest.mark.parametrize("name", NAMES)
def test_gradient_is_the_slope_of_the_value(world, name):
    trained = world.trained(asking=SETTINGS)
    gradient = measure_of(trained, name).gradient(trained, asked(world))
    chance = torch.Generator().manual_seed(0)
    for _ in range(3):
        direction = {
            key: torch.randn(value.shape, generator=chance, dtype=value.dtype) for key, value in gradient.items()
        }
        sides = []
        for step in (1e-6, -1e-6):
            moved = world.trained(asking=SETTINGS)
            with torch.no_grad():
                for key, parameter in moved.model().named_parameters():
                    parameter += step * direction[key]
            sides.append(measure_of(moved, name).value(moved, asked(world)))
        slope = sum(float((gradient[key] * direction[key]).sum()) for key in gradient)
        assert (sides[0] - sides[1]) / 2e-6 == pytest.approx(slope, rel=1e-4, abs=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_batches_do_not_matter(world, name):
    whole, cut = world.trained(asking=SETTINGS), world.trained(asking=SETTINGS, batch_size=4)
    assert measure_of(cut, name).value(cut, asked(world)) == pytest.approx(
        measure_of(whole, name).value(whole, asked(world)), rel=1e-12
    )
    one, other = (measure_of(each, name).gradient(each, asked(world)) for each in (whole, cut))
    assert all(torch.allclose(one[key], other[key], rtol=1e-10, atol=1e-12) for key in one)


@pytest.mark.parametrize("name", NAMES)
def test_a_step_along_a_helpful_sample_lowers_the_measure(world, name):
    trained = world.trained(asking=SETTINGS)
    estimator = estimators.get("ip")(trained)
    estimator.prepare([Query("val", tuple(asked(world).tolist()), name)])
    influence = estimator.score(trained.rows).influence[:, 0].numpy()
    before = measure_of(trained, name).value(trained, asked(world))
    for place in (int(influence.argmax()), int(influence.argmin())):
        moved = world.trained(asking=SETTINGS)
        row = trained.rows[place : place + 1]
        gradient = measure_of(trained, "loss").gradient(trained, row)
        with torch.no_grad():
            for key, parameter in moved.model().named_parameters():
                parameter -= 1e-5 * gradient[key]
        change = measure_of(moved, name).value(moved, asked(world)) - before
        assert np.sign(change) == -np.sign(influence[place])
        assert change == pytest.approx(-1e-5 * influence[place], rel=0.05)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in GAPS])
def test_a_query_of_one_row_is_its_gradient(world, name):
    trained, rows = world.trained(asking=SETTINGS), asked(world)[:4].tolist()
    prepared = query_gradients(trained, [Query(str(row), (row,), name) for row in rows])
    for column, row in enumerate(rows):
        alone = measure_of(trained, name).gradient(trained, [row])
        assert all(torch.allclose(prepared.direction(column)[key], alone[key], rtol=1e-8, atol=1e-12) for key in alone)


@pytest.mark.parametrize("name", GAPS)
def test_a_gap_is_the_difference_of_group_means(world, name):
    trained, rows = world.trained(asking=SETTINGS), asked(world)
    x, y = trained.batch(rows)
    p = torch.softmax(trained.model()(x), dim=1)[:, 1].detach().numpy()
    groups = world.dataset.samples["group"].to_numpy()[rows]
    counted = np.ones(len(rows), bool) if name == "dp-gap" else y.numpy() == 1
    means = [p[counted & (groups == each)].mean() for each in ("left", "right")]
    assert measure_of(trained, name).value(trained, rows) == pytest.approx(abs(means[0] - means[1]), rel=1e-12)


def test_three_groups_are_judged_by_the_two_furthest_apart(world):
    dataset = Dataset.open(world.dataset.folder)
    dataset.samples["group"] = np.array(["u", "v", "w"])[np.arange(len(dataset)) % 3]
    trained = World(dataset, world.labels, world.run, world.flipped).trained(asking=SETTINGS)
    measure, rows = measure_of(trained, "dp-gap"), asked(world)
    rates = [rate for rate, _ in measure.rates(trained, rows).values()]
    assert len(rates) == 3
    assert measure.value(trained, rows) == pytest.approx(max(rates) - min(rates), rel=1e-12)


def test_attacks_stay_in_reach_and_hurt(world):
    trained = world.trained(asking=SETTINGS)
    x, y = trained.batch(asked(world))
    clean = measure_of(trained, "loss").value(trained, asked(world))
    weak, strong = (measure_of(trained, name) for name in ("fgsm", "pgd"))
    assert (weak.inputs(trained, x, y) - x).abs().max() == pytest.approx(0.3)
    assert (strong.inputs(trained, x, y) - x).abs().max() <= 0.3 + 1e-12
    assert clean < weak.value(trained, asked(world)) <= strong.value(trained, asked(world)) + 1e-3


def test_categories_are_not_attacked(world):
    dataset = Dataset.open(world.dataset.folder)
    columns = [{"name": "a", "kind": "number"}, {"name": "b", "kind": "category", "value": "x"}] * 2
    object.__setattr__(dataset, "info", copy.copy(dataset.info))
    dataset.info.preprocessing["columns"] = columns
    trained = World(dataset, world.labels, world.run, world.flipped).trained(asking=SETTINGS)
    x, y = trained.batch(asked(world))
    moved = (measure_of(trained, "fgsm").inputs(trained, x, y) - x).abs().amax(0)
    assert (moved > 0).tolist() == [True, False, True, False]


def test_refusals_name_what_is_missing(plain, world, tmp_path):
    args = (plain.labels, plain.run)
    gap = ScoreConfig(measure="eop-gap", device="cpu", group=True)
    with pytest.raises(UserError, match="no group column"):
        score(plain.dataset, *args, gap, asked(plain), tmp_path)
    with pytest.raises(UserError, match="one sample"):
        score(world.dataset, *args, ScoreConfig(measure="eop-gap", device="cpu"), asked(world), tmp_path)
    left = asked(world)[world.dataset.samples["group"].to_numpy()[asked(world)] == "left"]
    with pytest.raises(UserError, match="only of group left"):
        score(world.dataset, *args, gap, left, tmp_path)
    with pytest.raises(UserError, match="no class 'z'"):
        score(
            world.dataset,
            *args,
            ScoreConfig(measure="dp-gap", positive="z", group=True, device="cpu"),
            asked(world),
            tmp_path,
        )
    with pytest.raises(UserError, match="no measure called"):
        score(world.dataset, *args, ScoreConfig(measure="beauty", device="cpu"), asked(world), tmp_path)


def test_only_another_measure_changes_the_fingerprint(plain, tmp_path):
    def key(**settings):
        config = ScoreConfig(estimator="random", device="cpu", **settings)
        return score(plain.dataset, plain.labels, plain.run, config, asked(plain), tmp_path).id

    assert key() == key(measure="loss")
    assert key(measure="fgsm") != key()
    assert key(measure="fgsm") != key(measure="fgsm", epsilon=0.5)
    assert key(measure="fgsm") == key(measure="fgsm", epsilon=0.1)
    with pytest.raises(UserError, match="belongs to fgsm, pgd"):
        key(measure="margin", epsilon=0.5)


def test_the_unit_is_the_measure_s(plain, tmp_path):
    config = ScoreConfig(measure="margin", device="cpu")
    result = score(plain.dataset, plain.labels, plain.run, config, asked(plain)[:2], tmp_path)
    assert result.config["unit"] == "logits per unit of learning rate"


def test_the_seed_ensemble_is_the_mean_of_the_runs(world):
    trained = world.trained()
    queries, rows = [Query("one", (int(asked(world)[0]),)), Query("two", (int(asked(world)[1]),))], trained.rows
    alone = []
    for each in (trained, trained.like(trained.siblings[0])):
        ip = estimators.get("ip")(each)
        ip.prepare(queries)
        alone.append(ip.score(rows).influence.numpy())
    ensemble = estimators.get("ip-ensemble")(world.trained())
    ensemble.prepare(queries)
    np.testing.assert_allclose(ensemble.score(rows).influence.numpy(), np.mean(alone, axis=0), rtol=1e-10)
    assert ensemble.notes() == {"seeds": [0, 1]}
    assert not np.allclose(alone[0], alone[1])


def test_a_run_without_siblings_says_how_to_train_them(plain, tmp_path):
    import shutil

    from attribution.training.train import Run

    shutil.copytree(plain.run.folder, tmp_path / "runs" / plain.run.id)
    lonely = World(plain.dataset, plain.labels, Run.open(tmp_path / "runs" / plain.run.id), plain.flipped)
    with pytest.raises(UserError, match="datablame train --seed 1"):
        estimators.get("ip-ensemble")(lonely.trained()).prepare([Query("one", (int(asked(plain)[0]),))])


def test_dropout_masks_thin_the_representation(world):
    """By hand: a mask on what the last layer is given, the loss differentiated by autograd, row by row."""
    estimator = estimators.get("ip-dropout")(world.trained(), seed=3)
    estimator.masks = 4
    row = int(asked(world)[0])
    estimator.prepare([Query("one", (row,))])
    found = estimator.score(np.arange(COPIES)).influence[:, 0].numpy()
    network = world.trained().model()
    layers = [module for module in network.modules() if isinstance(module, torch.nn.Linear)]
    last, expected = layers[-1], np.zeros(COPIES)
    for index in range(4):
        kept = torch.rand(last.in_features, generator=torch.Generator().manual_seed(3_000_009 + index)) >= 0.5
        handle = last.register_forward_pre_hook(lambda module, args, kept=kept: (args[0] * kept * 2,))
        rows = []
        for each in (row, *range(COPIES)):
            x, y = world.trained().batch([each])
            loss = torch.nn.functional.cross_entropy(network(x), y)
            rows.append(torch.cat([part.flatten() for part in torch.autograd.grad(loss, list(network.parameters()))]))
        handle.remove()
        expected += (torch.stack(rows[1:]) @ rows[0]).numpy() / 4
    np.testing.assert_allclose(found, expected, rtol=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_words(name):
    measure = measures.get(name)
    for word in (measure.title, measure.summary, measure.formula, measure.unit, measure.source):
        assert word.strip()
