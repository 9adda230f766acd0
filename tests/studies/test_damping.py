"""The damping sweep: what it compares, against brute force on the tiny world."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from tiny_world import World, build

from attribution.errors import UserError
from attribution.estimators import estimators
from attribution.estimators.base import Query
from attribution.studies.bench.lds import per_query, summed
from attribution.studies.damping.study import Damping, DampingConfig
from attribution.training.subsets import Subsets
from attribution.views import damping as view

RATIOS = (0.1, 10.0, 1000.0)


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return build(tmp_path_factory.mktemp("damping") / "project")


def sweep(world: World, out, **settings):
    config = DampingConfig(device="cpu", **{"estimator": "influence-exact", "ratios": RATIOS, **settings})
    return Damping().make(world.context(out, world.dataset.rows("test")[:6]), config)


def influences(world: World, ratio: float) -> np.ndarray:
    estimator = estimators.get("influence-exact")(world.trained())
    estimator.adjusted(damping_ratio=ratio)
    estimator.prepare([Query(str(row), (int(row),)) for row in world.dataset.rows("test")[:6]])
    return estimator.score(world.dataset.rows("train")).influence.numpy()


def test_agreement_is_the_mean_rank_correlation_with_the_usual_ratio(world, tmp_path):
    result = sweep(world, tmp_path)
    table = result.sweep.set_index("ratio")
    assert list(table.index) == [0.1, 1.0, 10.0, 1000.0]
    assert table["usual"].tolist() == [False, True, False, False]
    usual = influences(world, 1.0)
    for ratio in RATIOS:
        found = influences(world, ratio)
        expected = np.mean([spearmanr(a, b).statistic for a, b in zip(found.T, usual.T, strict=True)])
        assert table.loc[ratio, "agreement"] == pytest.approx(expected, abs=1e-9)
        assert table.loc[ratio, "low"] <= expected <= table.loc[ratio, "high"]
    assert table.loc[1.0, "agreement"] == pytest.approx(1)
    assert table["lds"].isna().all()
    assert table["damping"].is_monotonic_increasing
    assert "only retraining can tell" in view.sentence(result.sweep, 0)
    assert sweep(world, tmp_path).folder == result.folder


def test_with_subset_models_the_lds_is_there(world, tmp_path):
    store = Subsets.at(
        world.run.folder.parent.parent / "subsets",
        world.dataset,
        world.labels,
        world.run.model_config,
        world.run.train_config,
    )
    store.grow(world.dataset, world.labels, 12, device="cpu")
    result = sweep(world, tmp_path)
    assert result.config["subsets"] == 12
    rows = world.dataset.rows("test")[:6]
    for line in result.sweep.itertuples():
        expected = per_query(
            summed(store.members(), influences(world, line.ratio)), -store.losses(rows, world.labels.values[rows])
        ).mean()
        assert line.lds == pytest.approx(expected, abs=1e-9)
        assert line.lds_low <= line.lds <= line.lds_high
    assert "12 random subsets" in view.sentence(result.sweep, 12)


def test_the_chart_has_bands_axes_and_the_usual_ratio(world, tmp_path):
    found = sweep(world, tmp_path)
    table = found.sweep
    drawn = found.figure("sweep")
    low, high, line = drawn.data[:3]
    np.testing.assert_array_equal(line.x, table["ratio"])
    np.testing.assert_array_equal(line.y, table["agreement"])
    np.testing.assert_array_equal(low.y, table["low"])
    np.testing.assert_array_equal(high.y, table["high"])
    assert high.fill == "tonexty"
    assert drawn.layout.xaxis.type == "log"
    assert drawn.layout.xaxis.title.text
    assert drawn.layout.yaxis.title.text
    assert len(drawn.data) == 3 * (1 + int(table["lds"].notna().any()))
    assert [shape.x0 for shape in drawn.layout.shapes] == [1]
    assert drawn.layout.meta["alt"]
    assert "NaN" not in drawn.to_json()


def test_what_cannot_be_swept_is_said(world, tmp_path):
    with pytest.raises(UserError, match="ip has no damping"):
        sweep(world, tmp_path, estimator="ip")
    with pytest.raises(UserError, match="above 0"):
        sweep(world, tmp_path, ratios=(0.0, 1.0))


def test_the_sentence_names_the_plateau_around_the_usual_ratio(world, tmp_path):
    table = sweep(world, tmp_path).sweep.copy()
    table["agreement"] = [0.5, 1.0, 0.92, 0.95]
    assert "Between damping ratios of 1.00 and 1,000" in view.sentence(table, 0)
