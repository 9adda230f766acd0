"""How long a user waits: `datablame --help` from cold, and the first paint of every page on the image sample, warm.

Run: python benchmarks/startup.py (needs chromium for the pages). Writes benchmarks/results/startup.json.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "browser"))


def help_s(runs: int = 9) -> list[float]:
    """Wall seconds of whole processes."""
    command = shutil.which("datablame", path=str(Path(sys.executable).parent)) or "datablame"
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        subprocess.run([command, "--help"], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return times


def paints_s(runs: int = 3) -> dict[str, list[float]]:
    """Seconds from opening a page's address until its script has run and its first heading and content stand, in a warm
    server."""
    from playwright.sync_api import sync_playwright
    from serve import ready, server

    from attribution import Project

    os.environ["DATABLAME_HOME"] = tempfile.mkdtemp()
    Project.sample("fashion")
    pages = ["overview", "influence", "map", "review", "retrain", "history", "new_project"]
    times: dict[str, list[float]] = {name: [] for name in pages}
    with server(dict(os.environ)) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", shutil.which("chromium")), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        for turn in range(runs + 1):
            for name in pages:
                began = time.perf_counter()
                page.goto(f"{url}/{name}?project=fashion-sample")
                ready(page)
                if turn:  # the first round warms the server
                    times[name].append(time.perf_counter() - began)
        browser.close()
    return times


def main() -> None:
    result = {
        "help_s": summary(help_s()),
        "first_paint_s": {name: summary(times) for name, times in paints_s().items()},
    }
    (ROOT / "benchmarks" / "results" / "startup.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def summary(times: list[float]) -> dict[str, float]:
    """Median and largest, seconds."""
    return {"median": round(statistics.median(times), 3), "max": round(max(times), 3), "runs": len(times)}


if __name__ == "__main__":
    main()
