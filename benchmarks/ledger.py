"""A million edits: what a page of History, the labels after an edit, undo and a fresh start cost, in CPU seconds and
peak memory.

    python benchmarks/ledger.py [--n 1000000] [--samples 60000]     # writes benchmarks/results/ledger.json

Every measurement is a process of its own, so that its peak is its own. The page is drawn by Streamlit's test harness,
without a browser.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
RESULT = ROOT / "benchmarks" / "results" / "ledger.json"
SINGLE = 500  # decisions made one by one; the rest in batches
BULK = 50_000  # decisions in one batch, when the ledger is made
BATCH = 5_000  # and when it is measured


def peak_mb() -> float:
    """The largest resident size of this process so far, in MB of 10⁶ bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def cpu_s(work: Callable[[], Any]) -> float:
    """CPU seconds of this process for one call."""
    began = time.process_time()
    work()
    return round(time.process_time() - began, 4)


def make(folder: Path, n: int, samples: int) -> dict[str, float]:
    """A project whose ledger has ``n`` edits, on a table of random numbers."""
    import numpy as np
    import pandas as pd

    from attribution.datasets.dataset import Dataset, DatasetInfo
    from attribution.project.project import Project
    from attribution.settings.configs import DataConfig, ModelConfig, TrainConfig, to_dict
    from attribution.storage import database
    from attribution.storage.files import write_json

    chance = np.random.default_rng(0)
    ids = [f"sample-{number:06d}" for number in range(samples)]
    split = np.array(["train"] * (samples - 2000) + ["val"] * 1000 + ["test"] * 1000)
    table = pd.DataFrame(
        {"id": ids, "split": split, "label": chance.integers(0, 10, samples), "source": ids, "hash": ids}
    )
    info = DatasetInfo(
        "ledger", "tabular", tuple(f"class {k}" for k in range(10)), (2,), {}, "", preprocessing={"columns": []}
    )
    Dataset.write(folder / "data", info, table, chance.normal(size=(samples, 2)).astype(np.float32))
    database.create(folder / "project.db")
    configs = {"data": to_dict(DataConfig()), "model": to_dict(ModelConfig()), "train": to_dict(TrainConfig())}
    write_json(folder / "project.json", {"name": folder.name, "format": database.FORMAT, **configs})
    project = Project.open(folder)
    began = time.process_time()
    for _ in range(min(SINGLE, n)):
        project.relabel(
            [int(chance.integers(samples))],
            int(chance.integers(10)),
            reason="one by one",
            evidence={"estimator": "ip", "rank": 3},
        )
    single_s = time.process_time() - began
    began = time.process_time()
    while (left := n - project.ledger.last_id()) > 0:
        rows = chance.choice(samples, min(BULK, left, samples), replace=False)
        project.relabel(
            rows, int(chance.integers(10)), reason="in bulk", evidence={"detector": "aum", "suspicion": 0.75}
        )
    bulk_s = time.process_time() - began
    return {
        "one_by_one_ms": round(1000 * single_s / SINGLE, 3),
        "in_batches_us": round(1e6 * bulk_s / max(n - SINGLE, 1), 2),
    }


def page(folder: Path) -> dict[str, float]:
    """The History page: the first visit of a fresh server (by action), line by line, another page of it, a search, and
    the peak of the process."""
    from streamlit.testing.v1 import AppTest

    os.environ["DATABLAME_HOME"] = str(folder.parent)
    test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    test.query_params["project"] = folder.name
    test.switch_page("pages/new_project.py").run()  # everything is imported and no ledger read
    found = {"first_visit_cpu_s": cpu_s(lambda: test.switch_page("pages/history.py").run())}
    found["again_cpu_s"] = cpu_s(test.run)
    test.session_state["by"] = "Line by line"
    found["by_line_cpu_s"] = cpu_s(test.run)
    found["far_page_cpu_s"] = cpu_s(lambda: _at(test, 30_000).run())
    found["search_cpu_s"] = cpu_s(lambda: _at(test, 1).text_input(key="words").set_value("sample-000017").run())
    test.text_input(key="words").set_value("")
    test.toggle(key="standing").set_value(True)
    found["in_force_cpu_s"] = cpu_s(test.run)
    assert not test.exception, test.exception[0].stack_trace
    return {**found, "peak_mb": round(peak_mb(), 1)}


def _at(test: Any, number: int) -> Any:
    test.session_state["page-ledger"] = number
    return test


def edits(folder: Path) -> dict[str, float]:
    """Labels in a fresh process, after one edit, after a batch, and undo."""
    from attribution.project.project import Project

    project = Project.open(folder)
    project.dataset.rows_of([])  # the table of ids belongs to the data, not to the ledger
    found = {"fresh_labels_cpu_s": cpu_s(lambda: project.labels)}
    project.drop([17])
    found["labels_after_an_edit_cpu_s"] = cpu_s(lambda: project.labels)
    found["states_after_an_edit_cpu_s"] = cpu_s(project.states)
    found["undo_cpu_s"] = cpu_s(project.undo)
    found["labels_after_undo_cpu_s"] = cpu_s(lambda: project.labels)
    project.keep(range(BATCH))
    found["labels_after_a_batch_cpu_s"] = cpu_s(lambda: project.labels)
    found["undo_of_a_batch_cpu_s"] = cpu_s(project.undo)
    return {**found, "peak_mb": round(peak_mb(), 1)}


def measured(part: str, folder: Path, *more: Any) -> dict[str, float]:
    """What ``part`` returns in a process of its own."""
    command = [sys.executable, __file__, "--part", part, "--folder", str(folder), *map(str, more)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    found: dict[str, float] = json.loads(said.strip().splitlines()[-1])
    print(part, found, flush=True)
    return found


def main() -> None:
    """Make, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--samples", type=int, default=60_000)
    parser.add_argument("--part", choices=("make", "page", "edits"))
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    if asked.part:
        parts = {
            "make": lambda: make(asked.folder, asked.n, asked.samples),
            "page": lambda: page(asked.folder),
            "edits": lambda: edits(asked.folder),
        }
        print(json.dumps(parts[asked.part]()))
        return
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "ledger"
        made = measured("make", folder, "--n", asked.n, "--samples", asked.samples)
        size_mb = round((folder / "project.db").stat().st_size / 1e6, 1)
        few = folder.with_name("few")
        measured("make", few, "--n", 30, "--samples", asked.samples)
        history, without = measured("page", folder), measured("page", few)
        result = {
            "n_edits": asked.n,
            "n_samples": asked.samples,
            "python": platform.python_version(),
            "database_mb": size_mb,
            "make": made,
            "labels": measured("edits", folder),
            "history": {**history, "peak_mb_of_30_edits": without["peak_mb"]},
        }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
