"""Forecasts: the extrapolation on work whose cost is known, and that a forecast of a run runs nothing of it."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from studied import flag, score
from tiny_world import World, build, build_chats

from attribution.estimators import estimators
from attribution.estimators.base import Estimator
from attribution.settings.configs import ScoreConfig
from attribution.storage.files import write_json
from attribution.studies.costs import scoring, searching, training
from attribution.studies.costs.explore import MOST_S, explore
from attribution.studies.costs.model import Pilot, Reading, Size, cost_of, fit
from attribution.studies.costs.result import CostResult
from attribution.studies.costs.study import InfluenceCost, MislabelsCost
from attribution.studies.mislabels.study import FlagConfig
from attribution.views import costs as words

PACE = 2.0  # wall seconds to a CPU second: what else the machine does


@dataclass(frozen=True)
class Known:
    """Work whose cost is written down: seconds of a preparation (what is done once apart) and of a batch, bytes
    held."""

    once: tuple[float, float] = (0.0, 0.0)  # fixed, per training sample
    block: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)  # fixed, per sample, per query, per both
    batch: tuple[float, float] = (0.01, 0.0)  # fixed, per query
    held: tuple[float, float] = (1e8, 0.0)  # fixed, per query
    opening: float = 0.5

    def prepare_s(self, rows: int, queries: int) -> float:
        a, b, c, d = self.block
        return a + b * rows + c * queries + d * rows * queries

    def whole_s(self, size: Size) -> float:
        once = self.opening + self.once[0] + self.once[1] * size.rows
        each = [
            self.prepare_s(size.rows, count) + size.batches * (self.batch[0] + self.batch[1] * count)
            for count in size.blocks
        ]
        return PACE * (once + sum(each))


class Clock:
    """Meters trials of known work on a clock of its own; ``noise`` shakes every reading by up to that share."""

    def __init__(self, known: Known, noise: float = 0.0) -> None:
        self.known, self.spent_s, self.sizes, self.opened = known, 0.0, [], False
        self._chance, self._noise = np.random.default_rng(0), noise

    def make(self, rows: int) -> "Clock.Trial":
        self.sizes.append(rows)
        return Clock.Trial(self, rows)

    def metered(self, work):
        before = self.spent_s
        work()
        self.seconds_s = (self.spent_s - before) * (1 + self._noise * self._chance.uniform(-1, 1))
        self.peak_bytes = int(self.held)
        return Spent(PACE * self.seconds_s, self.seconds_s, self.peak_bytes)

    class Trial:
        scale = 1.0
        owed_s = 0.0

        def __init__(self, clock: "Clock", rows: int) -> None:
            self.clock, self.rows, self.queries, self.fresh = clock, rows, 0, True

        def prepare(self, queries: int) -> None:
            known, clock = self.clock.known, self.clock
            clock.spent_s += known.prepare_s(self.rows, queries)
            if self.fresh:
                clock.spent_s += known.once[0] + known.once[1] * self.rows
            if not clock.opened:
                clock.spent_s += known.opening
            clock.opened, self.fresh, self.queries = True, False, queries
            clock.held = known.held[0] + known.held[1] * queries

        def batch(self) -> None:
            self.clock.spent_s += self.clock.known.batch[0] + self.clock.known.batch[1] * self.queries


@dataclass(frozen=True)
class Spent:
    seconds_s: float
    cpu_s: float
    peak_bytes: int


SIZE = Size(rows=50_000, blocks=(300, 300, 100), batches=50_000 / 128)
KNOWN = {
    "a pass over the training set": Known(),
    "queries that cost more than the pass": Known(batch=(0.01, 0.002), block=(0.0, 0.0, 0.01, 0.0)),
    "a fit that is done once": Known(once=(1.5, 0.001)),
    "a solve per query over the training set": Known(block=(0.1, 1e-4, 0.001, 2e-4)),
    "everything at once": Known(once=(0.3, 5e-4), block=(0.05, 0.0, 0.02, 1e-5), batch=(0.02, 1e-4)),
}


def test_what_a_trial_leaves_out_counts_once():
    """A fit of 200 s that the trial knows by formula: the pilot is as short as without it."""
    clock = Clock(KNOWN["a fit that is done once"])
    plain = cost_of(explore(clock.make, SIZE, 128, clock.metered), SIZE).seconds_s
    spent_s = clock.spent_s

    class Owing(Clock.Trial):
        owed_s = 200.0

    owing = Clock(KNOWN["a fit that is done once"])
    found = cost_of(explore(lambda rows: Owing(owing, rows), SIZE, 128, owing.metered), SIZE).seconds_s
    assert found - plain == pytest.approx(200 * PACE, rel=0.1)
    assert owing.spent_s < 2 * spent_s + 5


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize(("noise", "off"), [(0.0, 0.12), (0.1, 0.4)])
def test_known_costs_are_forecast(name, noise, off):
    clock = Clock(KNOWN[name], noise)
    pilot = explore(clock.make, SIZE, 128, clock.metered)
    cost, truth = cost_of(pilot, SIZE), KNOWN[name].whole_s(SIZE)
    assert abs(cost.seconds_s / truth - 1) < off
    assert cost.low_s < truth < cost.high_s
    assert clock.spent_s < 1.5 * MOST_S
    assert sum(cost.parts.values()) == pytest.approx(cost.seconds_s)


def test_a_pilot_is_a_share_and_a_small_run_is_read_whole():
    clock = Clock(KNOWN["a solve per query over the training set"])
    explore(clock.make, SIZE, 128, clock.metered)
    assert max(clock.sizes) < SIZE.rows
    assert clock.spent_s < clock.known.whole_s(SIZE) / 50
    small = Size(300, (7,), 300 / 128)
    clock = Clock(KNOWN["everything at once"])
    pilot = explore(clock.make, small, 128, clock.metered)
    assert max(one.rows for one in pilot.block) == 300
    assert max(one.queries for one in pilot.block) == 7
    cost = cost_of(pilot, small)
    assert cost.seconds_s == pytest.approx(KNOWN["everything at once"].whole_s(small), rel=0.05)
    # Nothing is carried over, so the range is narrow.
    assert cost.high_s / cost.seconds_s == pytest.approx(1.5, rel=0.05)


def test_memory_grows_with_the_queries_and_not_past_the_limit():
    clock = Clock(Known(held=(1e8, 1e6)))
    assert cost_of(explore(clock.make, SIZE, 128, clock.metered), SIZE).peak_bytes == pytest.approx(4e8, rel=0.05)
    pilot = Pilot([], [], [], [Reading(256, 1, 1e8), Reading(256, 4, 4e8)])
    assert cost_of(pilot, replace(SIZE, limit_bytes=10**8)).peak_bytes == pytest.approx(5e8)


def test_fixed_and_growing_parts_are_told_apart():
    surface = fit([Reading(m, q, 2 + 0.01 * m + 0.5 * q) for m in (100, 400, 1600) for q in (1, 4)], 10_000, 64)
    np.testing.assert_allclose(surface.weights, (2, 0.01, 0.5, 0), atol=1e-6)
    proportional = fit([Reading(100, 4, 3.0)], 10_000, 64)
    assert proportional.at(1000, 8) == pytest.approx(60)
    constant = fit([Reading(100, 1, 1.0), Reading(400, 1, 1.1)], 10_000, 1)
    assert constant.at(10_000, 1) == pytest.approx(1.05, rel=0.05)
    whole = fit([Reading(100, 4, 3.0)], 100, 4)
    assert whole.at(100, 4) == pytest.approx(3)
    assert whole.carried(100, 4) == 0


def test_a_fit_too_slow_to_be_read_twice_is_told_apart_by_the_first_round():
    known = Known(once=(9.0, 0.01))
    clock = Clock(known)
    pilot = explore(clock.make, SIZE, 128, clock.metered)
    assert {one.rows for one in pilot.once} == {16, 256}
    # In proportion it would be four times that.
    assert cost_of(pilot, SIZE).seconds_s == pytest.approx(known.whole_s(SIZE), rel=0.1)


def test_a_batch_costs_the_same_in_a_larger_training_set_unless_read_otherwise():
    few = [Reading(256, 1, 0.05), Reading(256, 4, 0.065)]
    cost = cost_of(Pilot([], [], few, []), Size(25_600, (4,), 200))
    assert cost.parts["training samples"] == pytest.approx(200 * 0.065)
    grows = [Reading(256, 1, 0.05), Reading(1024, 1, 0.2)]
    assert cost_of(Pilot([], [], grows, []), Size(25_600, (1,), 200)).parts["training samples"] == pytest.approx(
        200 * 5
    )


def test_a_solver_s_rounds_follow_from_its_residual():
    few = scoring.FEW
    assert scoring.rounds_needed(1e-3, 1e-6, 500) == pytest.approx(2 * few)
    assert scoring.rounds_needed(1e-8, 1e-6, 500) == few
    assert scoring.rounds_needed(0.99, 1e-6, 500) == 500
    assert scoring.rounds_needed(0.5, None, 1000) == 1000


def test_a_search_s_parts_grow_as_read():
    readings = [Reading(n, 1, 1 + 2e-3 * n + 1e-6 * n**2) for n in (256, 512, 1024, 2048)]
    assert searching.quadratic(readings, 8000) == pytest.approx(1 + 16 + 64, rel=0.01)
    assert searching.quadratic(readings[:1], 512) == pytest.approx(2 * readings[0].value)


def test_a_training_s_epochs_samples_and_passes_are_added_up():
    read = tuple(Reading(m, 1, 0.8 + 1e-3 * m) for m in (256, 1024, 4096))
    found = training.PilotedTraining(read, 1e-4, 1000, 9000, True, 7, 1.0)
    cost = found.cost(6000, 12, 5)
    assert cost.seconds_s == pytest.approx(5 * (0.8 + 72 + 1e-4 * (12 * 7000 + 9000)))
    assert replace(found, dynamics=False).cost(6000, 12, 5).seconds_s == pytest.approx(
        5 * (0.8 + 72 + 1e-4 * (12 * 1000 + 9000))
    )
    assert cost.low_s < cost.seconds_s < cost.high_s
    assert cost.peak_bytes == 7


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return build(tmp_path_factory.mktemp("costs"))


@pytest.fixture(scope="module")
def chats(tmp_path_factory) -> World:
    return build_chats(tmp_path_factory.mktemp("chats"))


@pytest.fixture
def hasty(monkeypatch):
    """Pilots that read the smallest sizes alone."""
    monkeypatch.setattr("attribution.studies.costs.explore.BUDGET_S", 0.0)
    monkeypatch.setattr("attribution.studies.costs.explore.MOST_S", 0.0)


def snapshot(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", [name for name in estimators.names() if not estimators.get(name).from_subsets])
def test_every_estimator_is_forecast_without_running_it(world, chats, tmp_path, hasty, name):
    world = world if estimators.get(name).serves("class") else chats
    before = snapshot(world.run.folder.parent)
    config = ScoreConfig(estimator=name, device="cpu", batch_size=16)
    found = InfluenceCost().make(world.context(tmp_path, world.dataset.rows("test")), config)
    assert 0 < found.config["low_s"] <= found.config["seconds_s"] <= found.config["high_s"]
    assert found.config["peak_bytes"] > 1e6
    assert snapshot(world.run.folder.parent) == before
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["config.json"]


def test_cheaper_ways_exist_end_and_are_offered(world, tmp_path, hasty, monkeypatch):
    for name in estimators.names():
        seen = [name]
        while estimators.get(seen[-1]).cheaper:
            seen.append(estimators.get(seen[-1]).cheaper)
            assert seen.count(seen[-1]) == 1, seen
    monkeypatch.setattr(scoring, "LONG_S", 0.0)
    monkeypatch.setattr(
        scoring,
        "_if_cheaper",
        lambda cost, other, what, change: [{"what": what, "change": change, **scoring.plain(other)}],
    )
    config = ScoreConfig(estimator="tracin", device="cpu", batch_size=16)
    found = InfluenceCost().make(world.context(tmp_path, world.dataset.rows("test")), config)
    assert found.alternatives[0]["change"] == {"estimator": "ip"}
    assert all(one["seconds_s"] >= 0 for one in found.alternatives)


def test_the_most_queries_that_take_a_minute_are_offered():
    pilot = Pilot([Reading(100, 1, 0.0)], [Reading(100, 1, 1.0), Reading(100, 4, 4.0)], [Reading(100, 1, 0.0)], [])
    config = ScoreConfig()
    found = scoring.Piloted(pilot, 100, 400, 1, config, 0.0, (0.0, 0.0), 0.0)
    assert scoring.fewer(found) == 50
    assert scoring.fewer(replace(found, queries=5)) == 2


def test_forecast_and_truth_are_kept_with_the_result_and_change_no_name(world, tmp_path):
    config, asked = ScoreConfig(device="cpu", batch_size=16), world.dataset.rows("test")
    told = {"seconds_s": 3.0, "low_s": 2.0, "high_s": 4.0, "peak_bytes": 5e8}
    plain = score(world.dataset, world.labels, world.run, config, asked, tmp_path / "a")
    key = InfluenceCost().request(world.context(tmp_path / "b", asked), config).key
    write_json(tmp_path / "b" / "forecasts" / key / "config.json", told)
    with_it = score(world.dataset, world.labels, world.run, config, asked, tmp_path / "b")
    assert plain.id == with_it.id
    assert plain.config["cost"]["forecast"] is None
    cost = with_it.config["cost"]
    assert cost["forecast"] == told
    assert cost["whole"]
    assert cost["seconds_s"] >= with_it.config["seconds_s"] * 0.99
    assert cost["peak_bytes"] > 1e6
    assert "forecast 3.0\N{NO-BREAK SPACE}s, 500\N{NO-BREAK SPACE}MB" in words.took(cost)
    assert words.took(None) == words.took({**cost, "whole": False}) == ""


def test_a_search_and_a_training_are_forecast_without_running_them(world, tmp_path, monkeypatch):
    trained, original = [], training.fit

    def counted(dataset, labels, model, recipe, **more):
        trained.append(recipe.epochs)
        return original(dataset, labels, model, recipe, **more)

    monkeypatch.setattr(training, "fit", counted)
    config = FlagConfig(device="cpu", folds=3, cases=4)
    found = MislabelsCost().make(world.context(tmp_path), config)
    assert set(trained) == {1}
    assert found.config["parts"]["search"] > 0
    assert found.config["kind"] == "flag"
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["config.json"]
    again = MislabelsCost().make(world.context(tmp_path), config)
    assert again.folder == found.folder
    quick = searching.pilot_flag(world.context(tmp_path), replace(config, detectors=("aum", "neighbors")))
    assert quick.training is None
    few = replace(config, detectors=("loss",))
    told = MislabelsCost().make(world.context(tmp_path), few).told
    result = flag(world.dataset, world.labels, world.run, few, tmp_path)
    assert result.config["cost"]["forecast"] == told


def test_sentences():
    space = "\N{NO-BREAK SPACE}"
    told = {"seconds_s": 41.3, "low_s": 33.0, "high_s": 52.0, "peak_bytes": 4.53e8}
    assert words.sentence(told).replace(space, " ") == "About 41 s (33 s to 52 s), 450 MB of memory."
    assert words.sentence({**told, "seconds_s": 0.2}).replace(space, " ") == "Under a second, 450 MB of memory."
    assert words.sentence({**told, "peak_bytes": 1.24e9}).endswith(f"1.2{space}GB of memory.")
    way = {"what": "EK-FAC", "seconds_s": 5.04, "low_s": 4.0, "high_s": 6.0}
    assert [line.replace(space, " ") for line in words.alternatives([way])] == [
        "Cheaper: EK-FAC, about 5.0 s (4.0 s to 6.0 s)."
    ]


def test_a_forecast_is_json_that_reads_back(tmp_path):
    (tmp_path / "config.json").write_text(
        json.dumps({"alternatives": [], "seconds_s": 1.0, "low_s": 0.5, "high_s": 2.0, "peak_bytes": 1})
    )
    assert CostResult(tmp_path).told == {"seconds_s": 1.0, "low_s": 0.5, "high_s": 2.0, "peak_bytes": 1}
    assert issubclass(estimators.get("ip"), Estimator)
