"""The benchmark for accelerators runs on a CPU, small: every part gives figures, and none fails where a machine is lent
for minutes."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def failures(part, where=""):
    """Paths of the parts that say they failed."""
    if isinstance(part, dict):
        for name, inside in part.items():
            if name in ("failed", "engine_failed"):
                yield f"{where}: {inside}"
            yield from failures(inside, f"{where} / {name}")


def test_every_part_gives_figures_and_the_page_shows_them(tmp_path, monkeypatch):
    command = [
        sys.executable,
        "benchmarks/gpu.py",
        "--device",
        "cpu",
        "--small",
        "--name",
        "here",
        "--out",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads((tmp_path / "gpu-here.json").read_text())
    assert list(failures(found)) == []
    assert set(found["models"]) == {"MLP", "CNN", "transformer", "ResNet-18"}
    for one in found["models"].values():
        assert one["engine"]["float32"]["all pairs"]["ratio"] > 0
        assert one["engine"]["float32"]["to the CPU"]["dots"] <= 1e-6
        assert set(one["estimators"]) == {"ekfac", "forward-inf"}
        assert one["estimators"]["ekfac"]["to the CPU"] <= 1e-4
        assert one["peers"]["all pairs, torch.func"]["to_ours"] <= 1e-5
    assert 0 < found["image sample"]["test_accuracy"] <= 1
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    from figures.accelerator import gpu

    page = gpu(found)
    assert "ResNet-18" in page
    assert "the largest deviation" in page


def test_the_script_runs_both_halves():
    words = (ROOT / "benchmarks" / "gpu.sh").read_text()
    assert "tests/test_cuda.py" in words
    assert "benchmarks/gpu.py" in words
