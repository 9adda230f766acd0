"""Score runs: shards, resuming, and reductions that equal brute force."""

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from studied import score
from tiny_world import COPIES, N_TRAIN, World, build

from attribution.datasets.dataset import Labels
from attribution.errors import Cancelled, UserError
from attribution.estimators.ip import GradientDotProduct
from attribution.progress import Progress
from attribution.settings.configs import ScoreConfig
from attribution.studies.influence import plan
from attribution.studies.influence.reduce import BINS, Extremes, Moments, histogram
from attribution.studies.influence.result import ScoreResult
from attribution.studies.influence.work import ShardWork

CONFIG = ScoreConfig(estimator="ip", device="cpu", batch_size=16, k=7)


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return build(tmp_path_factory.mktemp("scoring"))


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(plan, "SHARD_BYTES", (1000, 1000))


def run(world: World, out, config: ScoreConfig = CONFIG, queries=None, **settings) -> ScoreResult:
    asked = world.dataset.rows("test") if queries is None else queries
    return score(world.dataset, world.labels, world.run, config, asked, out, **settings)


def test_summary_equals_brute_force(world, tmp_path, small_shards):
    result = run(world, tmp_path)
    rows, matrix = result.matrix()
    assert (rows == world.dataset.rows("train")).all()
    for column in range(matrix.shape[1]):
        top = result.top(column)
        for side in (1, -1):
            order = np.argsort(-side * matrix[:, column], kind="stable")
            order = order[side * matrix[order, column] > 0][:7]
            mine = top[top["side"] == side]
            assert mine["row"].tolist() == rows[order].tolist()
            np.testing.assert_array_equal(mine["influence"], matrix[order, column])
            assert mine["rank"].tolist() == list(range(1, len(order) + 1))


def test_reverse_equals_brute_force(world, tmp_path, small_shards):
    result = run(world, tmp_path)
    rows, matrix = result.matrix()
    for line in (0, 17, N_TRAIN - 1):
        found = result.affected_by(int(rows[line]))
        for side in (1, -1):
            order = np.argsort(-side * matrix[line], kind="stable")
            order = order[side * matrix[line, order] > 0][:8]
            assert found[found["side"] == side]["query"].tolist() == order.tolist()


def test_moments_equal_brute_force(world, tmp_path, small_shards):
    result = run(world, tmp_path)
    _, matrix = result.matrix()
    for column in (0, 5):
        found, values = result.moments(column), matrix[:, column].astype(np.float64)
        assert found["n"] == N_TRAIN
        # A mean near zero is a difference of large numbers: it is known to a share of the spread, not of itself.
        assert found["mean"] == pytest.approx(values.mean(), rel=0, abs=1e-6 * values.std())
        np.testing.assert_allclose(
            [found["std"], found["min"], found["max"]], [values.std(), values.min(), values.max()], rtol=1e-5
        )
        counts, _ = np.histogram(values, bins=BINS, range=(found["lo"], found["hi"]))
        assert sum(found["histogram"]) == N_TRAIN
        assert np.abs(np.array(found["histogram"]) - counts).sum() <= 2  # a value on an edge may fall to either side


def test_column_and_row_read_the_shards(world, tmp_path, small_shards):
    result = run(world, tmp_path)
    rows, matrix = result.matrix()
    found_rows, values = result.column(4)
    np.testing.assert_array_equal(found_rows, rows)
    np.testing.assert_array_equal(values, matrix[:, 4])
    np.testing.assert_array_equal(result.row(int(rows[9])), matrix[9])
    assert result.row(len(world.dataset) - 1) is None
    assert result.column_of([result.query_rows(3)[0]]) == 3
    assert result.column_of([0]) is None


def test_a_finished_run_is_found_again(world, tmp_path):
    first = run(world, tmp_path)
    before = (first.folder / "config.json").stat().st_mtime_ns
    again = run(world, tmp_path, replace(CONFIG, batch_size=5))
    assert again.folder == first.folder
    assert (again.folder / "config.json").stat().st_mtime_ns == before


def test_resume_computes_the_missing_shards_only(world, tmp_path, small_shards, monkeypatch):
    first = run(world, tmp_path)
    matrix = first.matrix()[1]
    shards = sorted((first.folder / "shards").iterdir())
    assert len(shards) > 3
    for path in (shards[1], first.folder / "config.json"):
        path.unlink()
    kept = {path: path.stat().st_mtime_ns for path in shards if path.exists()}
    scored: list[int] = []
    original = GradientDotProduct.score
    monkeypatch.setattr(GradientDotProduct, "score", lambda self, rows: (scored.extend(rows), original(self, rows))[1])
    again = run(world, tmp_path)
    np.testing.assert_array_equal(again.matrix()[1], matrix)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert 0 < len(scored) < N_TRAIN


def test_cancelled_at_a_shard_then_resumed(world, tmp_path, small_shards):
    def stop(done: float, total: float, message: str) -> None:
        if done > 0.4 * total:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(world, tmp_path, progress=Progress(stop, interval_s=0))
    (folder,) = (tmp_path / "scores").iterdir()
    assert 0 < len(list((folder / "shards").iterdir())) < 5
    assert not ScoreResult(folder).finished
    with pytest.raises(UserError, match="not finished"):
        ScoreResult.open(folder)
    assert run(world, tmp_path).finished


def test_foreign_and_broken_shards_are_rewritten(world, tmp_path, small_shards):
    mine, other = run(world, tmp_path / "a"), run(world, tmp_path / "b", replace(CONFIG, estimator="cosine"))
    expected = mine.matrix()[1]
    shards = sorted((mine.folder / "shards").iterdir())
    shutil.copy(sorted((other.folder / "shards").iterdir())[0], shards[0])
    shards[1].write_bytes(b"half a file")
    os.remove(mine.folder / "config.json")
    np.testing.assert_array_equal(run(world, tmp_path / "a").matrix()[1], expected)


def test_other_weights_labels_or_arguments_are_other_runs(world, tmp_path):
    first = run(world, tmp_path)
    values = world.labels.values.copy()
    values[0] = (values[0] + 1) % 3
    edited = Labels.of(world.dataset, values, world.labels.active)
    other = World(world.dataset, edited, world.run, world.flipped)
    ids = {
        first.id,
        run(other, tmp_path).id,
        run(world, tmp_path, replace(CONFIG, k=3)).id,
        run(world, tmp_path, queries=[70, 71]).id,
    }
    assert len(ids) == 4


def test_dropped_samples_are_not_scored(world, tmp_path):
    active = world.labels.active.copy()
    active[[2, 5]] = False
    other = World(world.dataset, Labels.of(world.dataset, world.labels.values, active), world.run, world.flipped)
    rows, _ = run(other, tmp_path).matrix()
    assert rows.tolist() == [row for row in range(N_TRAIN) if row not in (2, 5)]


def test_a_training_sample_does_not_explain_itself(world, tmp_path):
    result = run(world, tmp_path, queries=[3, 4])
    for column, row in enumerate((3, 4)):
        assert row not in result.top(column)["row"].tolist()
        assert result.moments(column)["n"] == N_TRAIN - 1
        rows, values = result.column(column)
        assert np.isnan(values[rows == row]).all()


def test_group_is_one_column(world, tmp_path):
    rows = world.dataset.rows("test")[:4]
    result = run(world, tmp_path, replace(CONFIG, group=True), queries=rows)
    assert result.n_queries == 1
    assert result.group
    assert result.column_of(rows[::-1]) == 0


def test_cosines_are_filled_for_estimators_without_them(world, tmp_path):
    full = run(world, tmp_path, replace(CONFIG, estimator="cosine")).matrix()[1]
    for name in ("tracin", "forward-inf", "random"):
        table = run(world, tmp_path, replace(CONFIG, estimator=name)).summary
        np.testing.assert_allclose(table["cosine"], full[table["row"], table["query"]], atol=1e-5)


def test_copies_come_first_by_cosine(world, tmp_path):
    result = run(world, tmp_path, replace(CONFIG, estimator="cosine"))
    assert [int(result.top(column)["row"][0]) for column in range(COPIES)] == list(range(COPIES))


def test_parts_together_make_the_whole(world, tmp_path, small_shards):
    first = run(world, tmp_path, part=(0, 2))
    assert not first.finished
    second = run(world, tmp_path, part=(1, 2))
    assert second.finished
    np.testing.assert_array_equal(second.matrix()[1], run(world, tmp_path / "whole").matrix()[1])


def test_only_the_tables_stay_above_the_limit(world, tmp_path, monkeypatch):
    from attribution.studies.influence import run as pipeline

    expected = run(world, tmp_path / "dense")
    monkeypatch.setattr(pipeline, "DENSE_LIMIT_BYTES", 100)
    result = run(world, tmp_path / "sparse")
    assert not result.dense
    assert result.column(0) is None
    assert result.row(0) is None
    assert not list((result.folder / "shards").iterdir())
    assert result.summary.equals(expected.summary)


def test_scores_that_are_not_finite_are_reported(world, tmp_path, monkeypatch):
    original = GradientDotProduct.score

    def broken(self, rows):
        block = original(self, rows)
        block.influence[rows == 3] = float("inf")
        return block

    monkeypatch.setattr(GradientDotProduct, "score", broken)
    result = run(world, tmp_path)
    assert result.config["nonfinite"] == {"pairs": 18, "rows": [3]}
    assert 3 not in result.summary["row"].tolist()

    monkeypatch.setattr(
        GradientDotProduct,
        "score",
        lambda self, rows: type(b := original(self, rows))(b.influence * float("nan"), b.cosine),
    )
    with pytest.raises(UserError, match="finite"):
        run(world, tmp_path, replace(CONFIG, k=3))


def test_cost_is_counted(world, tmp_path):
    config = run(world, tmp_path).config
    assert config["forward_passes"] == pytest.approx(3 + 3 * 18 / N_TRAIN)
    assert config["seconds_s"] > 0
    assert len(config["covered"]) == len(list(world.trained().model().parameters()))


@pytest.mark.parametrize("queries", [[], [10_000], [-1]])
def test_rows_that_do_not_exist_are_refused(world, tmp_path, queries):
    with pytest.raises(UserError):
        run(world, tmp_path, queries=queries)


def test_plan_covers_every_pair_once():
    covered = np.zeros((1000, 37), dtype=int)
    for shard in plan.plan(1000, 37, 100 << 20):
        covered[shard.start : shard.stop, shard.first : shard.last] += 1
    assert (covered == 1).all()


def test_reductions_do_not_depend_on_the_blocks():
    chance = np.random.default_rng(0)
    values = chance.integers(-5, 6, (4, 50)).astype(np.float32)
    values[1, 3] = np.nan
    labels = np.arange(100, 150)
    whole, cut, whole_moments, cut_moments = Extremes(4, 6), Extremes(4, 6), Moments(4), Moments(4)
    whole.update(values, labels)
    whole_moments.update(values)
    for start in range(0, 50, 7):
        cut.update(values[:, start : start + 7], labels[start : start + 7])
        cut_moments.update(values[:, start : start + 7])
    for sign in (1, -1):
        for name, column in whole.table(sign).items():
            np.testing.assert_array_equal(cut.table(sign)[name], column)
    np.testing.assert_allclose(cut_moments.std, np.nanstd(values, axis=1))
    assert histogram(values, cut_moments.reach).sum() == 199


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("name", ["ip", "cosine", "tracin", "forward-inf"])
def test_cpu_and_gpu_agree(world, tmp_path, name):
    """To a thousandth of the largest score of a query."""
    first, second = (
        run(world, tmp_path / kind, replace(CONFIG, estimator=name, device=kind)).matrix()[1]
        for kind in ("cpu", "cuda")
    )
    assert (np.abs(first - second).max(0) <= 1e-3 * np.abs(first).max(0)).all()


def test_the_memory_of_the_settings_reaches_engine_and_plan_and_changes_no_score(world, tmp_path):
    work = ShardWork(world.dataset, world.labels, world.run, replace(CONFIG, memory_mb=3), [], tmp_path, "", False)
    trained = work.trained()
    assert trained.engine().budget_bytes == trained.like().engine().budget_bytes == 3 << 20
    assert plan.query_block(1000, 1 << 20, 3) == 3
    assert plan.query_block(1000, 1 << 20) == 512
    assert plan.query_block(1000, 8 << 20, 3) == 1
    usual = run(world, tmp_path / "a")
    small = run(world, tmp_path / "b", replace(CONFIG, memory_mb=1))
    assert usual.id == small.id
    np.testing.assert_allclose(small.matrix()[1], usual.matrix()[1], rtol=1e-5, atol=1e-7)
    with pytest.raises(UserError, match="memory_mb"):
        run(world, tmp_path / "c", replace(CONFIG, memory_mb=0))


def test_autocast_reaches_the_engine_is_a_run_of_its_own_and_good_to_two_digits(world, tmp_path):
    config = replace(CONFIG, autocast=True)
    trained = ShardWork(world.dataset, world.labels, world.run, config, [], tmp_path, "", False).trained()
    assert trained.engine().autocast == trained.like().engine().autocast == torch.bfloat16
    usual, rounded = run(world, tmp_path), run(world, tmp_path, config)
    assert usual.id != rounded.id
    exact = usual.matrix()[1]
    assert 0 < np.abs(rounded.matrix()[1] - exact).max() <= 3e-2 * np.abs(exact).max()


def test_memory_that_ran_out_in_any_shard_is_noted(world, tmp_path, small_shards, monkeypatch):
    original, calls = GradientDotProduct.score, []

    def once(self, rows):
        calls.append(len(rows))
        if len(calls) == 1:
            raise MemoryError
        return original(self, rows)

    monkeypatch.setattr(GradientDotProduct, "score", once)
    found = run(world, tmp_path)
    assert found.config["notes"]["batch_after_memory_ran_out"] == calls[1] == calls[0] // 2
    assert f"{calls[1]} samples" in found.memory_words


@pytest.mark.parametrize(
    "estimator", ["ekfac", "kfac", "influence-cg", "nystroem", "datainf", "lissa", "arnoldi", "source", "trak", "logra"]
)
def test_getting_ready_is_reported_and_can_be_ended(world, tmp_path, estimator):
    from attribution.estimators import estimators

    if estimator not in estimators.names():
        pytest.skip("no estimator of this name")
    heard: list[str] = []

    def stop(done: float, total: float, message: str) -> None:
        if "getting ready" in message:
            heard.append(message)
            if len(heard) == 3:
                raise Cancelled

    with pytest.raises(Cancelled):
        run(
            world,
            tmp_path,
            replace(CONFIG, estimator=estimator),
            queries=world.dataset.rows("test")[:1],
            progress=Progress(stop, 0.0),
        )
    assert len(heard) == 3, "ended at the batch where it was asked to"
    assert "passes over the training set so far" in heard[0]
    assert not list(tmp_path.glob("**/shards/*.safetensors"))
