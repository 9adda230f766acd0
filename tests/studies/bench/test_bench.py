"""The bench as a whole on a small project: every part, its tables, its words, and going on after an interruption."""

import numpy as np
import pytest

from attribution.errors import UserError
from attribution.progress import Progress
from attribution.studies.bench.result import COLUMNS, BenchResult
from attribution.studies.bench.run import choose_queries
from attribution.studies.bench.study import BenchConfig

SMALL = BenchConfig(
    estimators=("ip", "tracin"),
    count=12,
    subsets=6,
    removal_k=(20,),
    removal_queries=2,
    detectors=("loss", "aum"),
    device="cpu",
)


def test_every_part_is_measured_and_put_into_words(tiny_project):
    before = tiny_project.labels.version
    result = tiny_project.compare(SMALL)
    assert tiny_project.labels.version == before
    assert len(tiny_project.runs()) == 1
    for name in set(COLUMNS) - {"leave_one_out"}:
        table = getattr(result, name)
        assert len(table), name
        assert list(table.columns) == list(COLUMNS[name]), name
    assert result.leave_one_out.empty  # the model is a network
    assert result.estimators == ["ip", "tracin", "random"]
    assert set(result.summary["done"]) == set(SMALL.parts)
    assert result.recommendation
    fidelity = result.fidelity.query("measure == 'loss'").set_index("estimator")
    assert (fidelity["low"] <= fidelity["lds"]).all()
    assert (fidelity["lds"] <= fidelity["high"]).all()
    assert fidelity.loc["random", "above_random"] == 0
    np.testing.assert_allclose(
        result.lds_queries.query("measure == 'loss'").groupby("estimator")["lds"].mean()[fidelity.index],
        fidelity["lds"],
    )
    useful = result.usefulness.query("label == -1").set_index("name")
    assert useful.loc["aum", "ap"] > useful.loc["random", "ap"]
    assert useful.loc["queue", "planted"] == 24
    assert tiny_project.benches()[0].id == result.id
    assert tiny_project.compare(SMALL).id == result.id


def test_it_goes_on_after_its_last_finished_part(tiny_project):
    class Killed(Exception):
        pass

    def kill(done, total, message):
        if message.startswith("Usefulness"):
            raise Killed

    config = BenchConfig(
        estimators=("ip",), count=8, subsets=4, parts=("fidelity", "usefulness"), detectors=("loss",), device="cpu"
    )
    with pytest.raises(Killed):
        tiny_project.compare(config, Progress(kill, interval_s=0))
    assert tiny_project.benches() == []
    (partial,) = tiny_project.benches(unfinished=True)
    assert partial.summary["done"] == ["fidelity"]
    assert len(partial.fidelity)
    assert partial.usefulness.empty
    made = {path: path.stat().st_mtime_ns for path in tiny_project.folder.glob("subsets/*/*/config.json")}
    result = tiny_project.compare(config)
    assert isinstance(result, BenchResult)
    assert result.id == partial.id
    assert made
    assert all(path.stat().st_mtime_ns == changed for path, changed in made.items())
    assert np.isfinite(result.cost["peak_mib"]).all()


def test_what_cannot_be_served_is_named_and_left_out(tiny_project):
    config = BenchConfig(estimators=("ip", "influence-exact"), count=6, parts=("agreement",), device="cpu")
    result = tiny_project.compare(config)
    named = set(result.agreement["a"]) | set(result.summary["skipped"])
    assert named == {"ip", "influence-exact", "random"}


@pytest.mark.parametrize(
    "config", [{"parts": ("beauty",)}, {"parts": ()}, {"subsets": 2}, {"estimators": ("no-such",)}]
)
def test_a_request_that_cannot_be_met_is_refused(tiny_project, config):
    with pytest.raises(UserError):
        tiny_project.compare(BenchConfig(**config))


def test_more_queries_than_whole_matrices_are_kept_for_are_refused_before_the_work(tiny_project, monkeypatch):
    from attribution.studies.influence import run as pipeline

    monkeypatch.setattr(pipeline, "DENSE_LIMIT_BYTES", 4 * 5 * tiny_project.info.counts["train"])
    with pytest.raises(UserError, match="at most 5 queries"):
        tiny_project.compare(BenchConfig(estimators=("ip",), count=6, parts=("agreement",), device="cpu"))


def test_queries_are_half_wrong_where_there_are_enough():
    rows = np.arange(100, 150)
    correct = np.ones(50, dtype=bool)
    correct[:15] = False
    chosen = choose_queries(rows, correct, 20)
    assert len(chosen) == len(set(chosen)) == 20
    assert (~correct[chosen - 100]).sum() == 10
    assert (~correct[choose_queries(rows, correct, 40) - 100]).sum() == 15
    assert len(choose_queries(rows, correct, 500)) == 50
    np.testing.assert_array_equal(chosen, choose_queries(rows, correct, 20))


def test_the_forecast_counts_missing_models_and_narrows_with_more(tiny_project):
    config = BenchConfig(estimators=("ip",), count=8, subsets=4, parts=("fidelity",), device="cpu")
    before = tiny_project.studies.bench.cost(config)
    assert not before["measured"].any()
    assert before.set_index("subsets").loc[4, "missing"] == 4
    tiny_project.compare(config)
    after = tiny_project.studies.bench.cost(config)
    assert after["measured"].all()
    assert after.set_index("subsets").loc[4, "missing"] == 0
    assert after.set_index("subsets").loc[24, "missing"] == 20
    assert (np.diff(after["half_width"]) <= 0).all()
