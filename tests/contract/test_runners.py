"""Every registered runner does the same work to the same result, whatever happens to its workers."""

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from runner_work import Doomed, Places, Squares
from studied import score
from tiny_world import World

from attribution.errors import Cancelled, UserError
from attribution.estimators.ip import GradientDotProduct
from attribution.progress import Progress
from attribution.runners import runners
from attribution.settings.configs import ScoreConfig
from attribution.studies.influence import plan
from attribution.studies.influence.result import ScoreResult

NAMES = runners.names()
OUTSIDE = [name for name in NAMES if name != "serial"]  # those that work in processes of their own
TESTS = str(Path(__file__).resolve().parent.parent)


@pytest.fixture(scope="module")
def cluster():
    """One Ray on this machine for all tests; its workers find the modules of the tests."""
    ray = pytest.importorskip("ray", reason="ray is an extra")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(
        address="local",
        num_cpus=2,
        num_gpus=2,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": search_path()}},
    )
    yield ray
    ray.shutdown()


@pytest.fixture
def place(request):
    """A runner of the name in the test's parameters, with two workers."""
    if request.param == "ray":
        request.getfixturevalue("cluster")
    return runners.get(request.param)(2)


def search_path() -> str:
    return os.pathsep.join([TESTS, *(path for path in sys.path if path)])


def spawned() -> Iterator[psutil.Process]:
    """The worker processes that still run; one that ended while we looked is none."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if "spawn_main" in " ".join(process.cmdline()):
                yield process


def test_worker_processes_import_nothing_from_the_working_directory(tmp_path):
    """A shell may stand in a folder from somebody else; Python looks there first for the modules of a process that it
    spawns."""
    foreign, mine = tmp_path / "foreign", tmp_path / "mine"
    foreign.mkdir()
    mine.mkdir()
    for name in ("multiprocessing", "random", "selectors", "socket", "torch"):
        (foreign / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r})\n")
    program = mine / "program.py"
    program.write_text(
        "from pathlib import Path\nfrom runner_work import Squares\nfrom attribution.progress import Progress\n"
        "from attribution.runners import runners\n\nif __name__ == '__main__':\n"
        f"    runners.get('processes')(2).run(Squares(Path({str(mine)!r})), range(2), Progress())\n"
    )
    subprocess.run(
        [sys.executable, str(program)],
        cwd=foreign,
        env={**os.environ, "PYTHONPATH": search_path()},
        check=True,
        timeout=120,
    )
    assert Squares(mine).results() == {0: 0, 1: 1}
    assert not (tmp_path / "ran").exists(), (tmp_path / "ran").read_text()


@pytest.mark.parametrize("place", NAMES, indirect=True)
def test_every_item_is_done_and_counted(place, tmp_path):
    heard: list[float] = []
    work = Squares(tmp_path)
    place.run(work, range(12), Progress(lambda done, total, message: heard.append(done), interval_s=0))
    assert work.results() == {item: item**2 for item in range(12)}
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    place.run(work, [], Progress())  # nothing to do is no mistake


@pytest.mark.parametrize("place", OUTSIDE, indirect=True)
def test_a_killed_worker_costs_nothing_but_its_time(place, tmp_path):
    work = Squares(tmp_path, deadly=(2, 7))
    place.run(work, range(10), Progress())
    assert work.results() == {item: item**2 for item in range(10)}
    assert (tmp_path / "tried-2").exists()
    assert os.getpid() not in work.workers()


@pytest.mark.parametrize("place", NAMES, indirect=True)
def test_the_first_error_is_raised_as_it_was(place, tmp_path):
    with pytest.raises(UserError) as caught:
        place.run(Squares(tmp_path, bad=3), range(6), Progress())
    assert (caught.value.what, caught.value.why, caught.value.do) == (
        "Item 3 is bad.",
        "It must not be.",
        "Leave it out.",
    )


@pytest.mark.parametrize("place", NAMES, indirect=True)
def test_cancelling_stops_the_workers_and_keeps_what_is_done(place, tmp_path):
    def stop(done: float, total: float, message: str) -> None:
        if done > 0.2:
            raise Cancelled

    work = Squares(tmp_path, wait_s=0.2)
    with pytest.raises(Cancelled):
        place.run(work, range(40), Progress(stop, interval_s=0))
    after = len(work.results())
    assert 0 < after < 40
    time.sleep(1.0)
    assert len(work.results()) <= after + 2  # at most what was under way
    if place.name == "processes":
        assert not list(spawned())


def test_a_script_without_a_main_guard_is_not_run_again(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("""
import sys
from pathlib import Path
from attribution.progress import Progress
from attribution.runners import runners
from runner_work import Squares
print("run", flush=True)
runners.get("processes")(2).run(Squares(Path(sys.argv[1])), range(3), Progress())
""")
    command = [sys.executable, str(script), str(tmp_path)]
    answer = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": search_path()}, capture_output=True, text=True, timeout=120
    )
    assert (answer.returncode, answer.stdout.split()) == (0, ["run"]), answer.stderr[-2000:]
    assert Squares(tmp_path).results() == {0: 0, 1: 1, 2: 4}


def test_workers_that_keep_dying_are_given_up_on(tmp_path):
    with pytest.raises(UserError, match="died 3 times"):
        runners.get("processes")(1).run(Doomed(tmp_path, deadly=(0, 1)), range(2), Progress())


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(plan, "SHARD_BYTES", (1000, 1000))


CONFIG = ScoreConfig(estimator="ip", device="cpu", batch_size=16, k=7, workers=2)


def scored(world: World, out: Path, config: ScoreConfig = CONFIG) -> ScoreResult:
    return score(world.dataset, world.labels, world.run, config, world.dataset.rows("test"), out)


@pytest.mark.parametrize("estimator", ["ip", "influence-cg"])
@pytest.mark.parametrize("place", OUTSIDE, indirect=True)
def test_scores_are_bit_equal_to_serial(place, estimator, world, tmp_path, small_shards):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the workers have: sums may be ordered otherwise with more
    try:
        config = replace(CONFIG, estimator=estimator)
        expected = scored(world, tmp_path / "serial", config)
        found = scored(world, tmp_path / place.name, replace(config, runner=place.name))
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(found.matrix()[1], expected.matrix()[1])
    assert found.id == expected.id
    assert found.summary.equals(expected.summary)
    assert found.config["notes"] == expected.config["notes"]
    # Every worker prepares the queries for itself.
    assert found.config["forward_passes"] >= expected.config["forward_passes"]


def test_two_drivers_at_once(world, tmp_path, small_shards):
    program = """
import json, sys
from pathlib import Path
from tiny_world import build
from attribution.settings.configs import ScoreConfig
from attribution.datasets.dataset import Dataset
from attribution.training.run import Run
from attribution.studies.influence import plan
from studied import score
plan.SHARD_BYTES = (100, 100)
data, run, out = map(Path, sys.argv[1:])
dataset = Dataset.open(data)
config = ScoreConfig(estimator="ip", device="cpu", batch_size=16, k=7)
print(score(dataset, dataset.base_version(), Run.open(run), config, dataset.rows("test"), out).matrix()[1].tolist())
"""
    command = [
        sys.executable,
        "-c",
        program,
        str(world.dataset.folder),
        str(world.run.folder),
        str(tmp_path / "shared"),
    ]
    environment = {**os.environ, "PYTHONPATH": search_path()}
    drivers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True)
        for _ in range(2)
    ]
    answers = [driver.communicate(timeout=120) for driver in drivers]
    assert [driver.returncode for driver in drivers] == [0, 0], answers
    expected = scored(world, tmp_path / "alone").matrix()[1]
    for answer, _ in answers:
        np.testing.assert_allclose(json.loads(answer), expected, rtol=1e-5, atol=1e-7)
    assert not list((tmp_path / "shared").rglob("*.tmp"))


def test_a_full_disk_is_said_and_loses_nothing(world, tmp_path, small_shards, monkeypatch):
    from safetensors import numpy as tensors

    original, written = tensors.save_file, []

    def full(content, path, metadata):
        if len(written) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(path)
        original(content, path, metadata)

    monkeypatch.setattr(tensors, "save_file", full)
    with pytest.raises(UserError, match="disk is full"):
        scored(world, tmp_path)
    monkeypatch.setattr(tensors, "save_file", original)
    (shards,) = tmp_path.rglob("shards")
    kept = {path: path.stat().st_mtime_ns for path in shards.iterdir()}
    assert len(kept) == 2
    assert scored(world, tmp_path).finished
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_when_memory_runs_out_the_batch_is_halved(world, tmp_path, monkeypatch):
    expected = scored(world, tmp_path / "plenty")
    original, sizes = GradientDotProduct.score, []

    def scarce(self, rows):
        if len(rows) > 5:
            raise torch.OutOfMemoryError("no memory for so many rows")
        sizes.append(len(rows))
        return original(self, rows)

    monkeypatch.setattr(GradientDotProduct, "score", scarce)
    found = scored(world, tmp_path / "scarce")
    np.testing.assert_allclose(found.matrix()[1], expected.matrix()[1], rtol=1e-5, atol=1e-6)
    assert found.config["notes"]["batch_after_memory_ran_out"] == max(sizes) == 4
    assert "4 samples" in found.memory_words
    assert expected.memory_words == ""

    def hopeless(self, rows):
        raise torch.OutOfMemoryError("none at all")

    monkeypatch.setattr(GradientDotProduct, "score", hopeless)
    with pytest.raises(torch.OutOfMemoryError):
        scored(world, tmp_path / "none")


def test_a_ray_node_may_be_lost(world, tmp_path):
    pytest.importorskip("ray", reason="ray is an extra")
    program = """
import sys, threading, time
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
from attribution.progress import Progress
from attribution.runners import runners
from runner_work import Doomed, Squares
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
second = cluster.add_node(num_cpus=1)
ray.init(address=cluster.address, log_to_driver=False)
work = Squares(Path(sys.argv[1]), wait_s=0.2)
def lose():
    while len(work.results()) < 6:
        time.sleep(0.05)
    print("lost", len(work.results()), flush=True)
    cluster.remove_node(second, allow_graceful=False)
loser = threading.Thread(target=lose, daemon=True)
loser.start()
runners.get("ray")(4).run(work, range(24), Progress())
assert work.results() == {item: item**2 for item in range(24)}
for _ in range(300):  # the cluster notices a node that is gone without a word after some seconds
    if len([node for node in ray.nodes() if node["Alive"]]) == 1:
        break
    time.sleep(0.2)
else:
    raise SystemExit("the node is still there")
loser.join(60)
ray.shutdown()
cluster.shutdown()
"""
    environment = {**os.environ, "PYTHONPATH": search_path(), "RAY_USAGE_STATS_ENABLED": "0"}
    answer = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], env=environment, capture_output=True, text=True, timeout=180
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    (done,) = [int(line.split()[1]) for line in answer.stdout.splitlines() if line.startswith("lost ")]
    assert 6 <= done < 24


def test_ray_that_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match="datablame\\[ray\\]"):
        runners.get("ray")().run(Squares(tmp_path), range(2), Progress())


def test_each_process_takes_an_accelerator_of_its_own(tmp_path):
    work = Places(tmp_path, wait_s=0.3, device="cuda")
    runners.get("processes")(2).run(work, range(8), Progress())
    assert {device for device, _, _ in work.seen()} == {"cuda:0", "cuda:1"}
    assert len(work.seen()) == 2  # always the same one in the same process


def test_a_named_accelerator_is_kept(tmp_path):
    work = Places(tmp_path, device="cuda:3")
    runners.get("processes")(2).run(work, range(4), Progress())
    assert {device for device, _, _ in work.seen()} == {"cuda:3"}


def test_each_ray_task_is_given_a_gpu_and_takes_it(cluster, tmp_path):
    """The cluster of the tests claims to have two; Ray shows a task its own and no other."""
    work = Places(tmp_path, wait_s=0.5, device="cuda:1")
    runners.get("ray")(2).run(work, range(6), Progress())
    assert {device for device, _, _ in work.seen()} == {"cuda:0"}
    assert {visible for _, visible, _ in work.seen()} == {"0", "1"}


def test_a_ray_cluster_without_a_gpu_is_said(monkeypatch, cluster, tmp_path):
    monkeypatch.setattr(cluster, "cluster_resources", lambda: {"CPU": 2.0})
    with pytest.raises(UserError, match="no GPU"):
        runners.get("ray")(2).run(Places(tmp_path, device="cuda"), range(2), Progress())
