"""Kills training and scoring jobs at random moments, resumes them, and compares what they end with to an undisturbed
run.

python tests/kills/jobs.py --kills 40
"""

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LEFT = (".tmp", ".spare", ".beat", ".lock")  # what a process that was killed may leave, and its resumption must clear
ENV = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}


def make(folder: Path) -> Any:
    """A project whose training and scoring take some seconds in many steps."""
    import numpy as np

    from attribution import DataConfig, ModelConfig, Project, TrainConfig

    chance = np.random.default_rng(0)
    x = chance.normal(size=(1500, 20)).astype(np.float32)
    np.savez(folder / "data.npz", X=x, y=(x[:, :3].sum(1) > 0).astype(int))
    recipe = TrainConfig(epochs=40, batch_size=8, lr=0.05, checkpoints=5, device="cpu")
    return Project.create(folder / "p", DataConfig(path=str(folder / "data.npz")), ModelConfig("mlp", width=64), recipe)


def contents(folder: Path) -> dict[str, str]:
    """SHA-256 of the numbers in each file, by name: weights, dynamics, probabilities, scores, to the bit. The header of
    a shard, which says how it went (its seconds, for example), is no number."""
    found = sorted(
        path for path in folder.rglob("*") if path.suffix in (".safetensors", ".parquet", ".npy") and path.is_file()
    )
    return {str(path.relative_to(folder)): hashlib.sha256(numbers(path)).hexdigest() for path in found}


def numbers(path: Path) -> bytes:
    """The bytes of a file that are numbers."""
    content = path.read_bytes()
    return content[8 + int.from_bytes(content[:8], "little") :] if path.suffix == ".safetensors" else content


def undisturbed(project: Any, kind: str, config: Any) -> dict[str, str]:
    """What the work ends with when nobody kills it."""
    result = project.step(kind)(config)
    kept = contents(result.folder)
    for path in sorted(result.folder.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    result.folder.rmdir()
    return kept


def disturbed(
    project: Any, kind: str, config: Any, kills: int, chance: random.Random, longest_s: float
) -> tuple[dict[str, str], int]:
    """The same as a job that is killed up to so many times, resumed each time; and how often it was still at work when
    the kill came."""
    from attribution.jobs.board import JobBoard

    board, met = JobBoard(project.folder), 0
    board.start = lambda job_id: None  # type: ignore[method-assign]
    job = board.submit(kind, kind, config)
    for number in range(kills + 1):
        program = [sys.executable, "-m", "attribution", "job", job.id, "--project", str(project.folder)]
        process = subprocess.Popen(
            program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, env=ENV
        )
        if number < kills:
            until_running(board, job.id, process)
            time.sleep(chance.uniform(0, longest_s))
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        found = board.get(job.id)
        if found.state == "done":
            break
        met += 1
        assert found.state == "interrupted", f"after kill {number + 1}: {found.state} {found.error}"
        board.resume(job.id)
    found = board.get(job.id)
    assert found.state == "done", f"{found.state}: {found.error}"
    left = [path for path in project.folder.rglob("*") if path.name.endswith(LEFT)]
    assert not left, f"left behind: {left}"
    (folder,) = project.folder.glob(f"*/{found.result}")
    return contents(folder), met


def until_running(board: Any, job_id: str, process: Any) -> None:
    """Wait until the process has claimed the job, or has ended."""
    while process.poll() is None and board.get(job_id).state == "queued":
        time.sleep(0.02)


def kill(kills: int, seed: int = 0) -> int:
    """Kill so many times over rounds of training and of scoring; returns how many kills met a job at work.
    AssertionError for a difference."""
    from attribution import ScoreConfig

    chance, met = random.Random(seed), 0
    with tempfile.TemporaryDirectory() as place:
        project = make(Path(place))
        training = undisturbed(project, "train", project.train_config)
        number = 0
        while met < kills:
            number += 1
            found, hits = disturbed(project, "train", project.train_config, min(4, kills - met), chance, 3.0)
            assert found == training, (
                f"round {number}: the resumed training differs in "
                f"{sorted(k for k in training if found.get(k) != training[k])}"
            )
            met += hits
            if met < kills:
                scoring = ScoreConfig(queries="test", device="cpu", batch_size=4, memory_mb=1, seed=number)
                whole = undisturbed(project, "score", scoring)
                found, hits = disturbed(project, "score", scoring, min(3, kills - met), chance, 1.0)
                assert found == whole, (
                    f"round {number}: the resumed score run differs in "
                    f"{sorted(k for k in whole if found.get(k) != whole[k])}"
                )
                met += hits
            for path in sorted((project.folder / "runs").rglob("*"), reverse=True):
                path.unlink() if path.is_file() else path.rmdir()
            print(f"round {number}: {met} of {kills} kills met a job at work; everything equal", flush=True)
    return met


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--kills", type=int, default=40)
    asked.add_argument("--seed", type=int, default=0)
    given = asked.parse_args()
    kill(given.kills, given.seed)
