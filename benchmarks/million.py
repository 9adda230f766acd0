"""A million samples in the app: makes the project by the product's own steps, then measures what a user waits for in a
real browser.

    python benchmarks/million.py make FOLDER [--n 1000000]     # data, model, map, suspects
    python benchmarks/million.py measure FOLDER                # needs chromium; writes benchmarks/results/million.json
    python benchmarks/million.py browse FOLDER                 # Browse's own work without a browser, beside the others

FOLDER is the project's; measuring edits its labels and takes that back.
"""

import argparse
import json
import math
import os
import resource
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "browser"))
TURNS = 3  # visits; the first one meets a server that has just started
STILL_S = 0.3  # a chart is drawn when its pixels have been the same for so long; not counted
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
RESTS = """(() => { const app = document.querySelector("[data-testid='stApp']");
 return app && app.getAttribute('data-test-script-state') === 'notRunning'
 && app.getAttribute('data-test-connection-state') === 'CONNECTED'
 && document.querySelector("[data-testid='stMain'] h1"); })()"""
INSIDE = """[...document.querySelectorAll('*')].map(node => node.shadowRoot?.querySelector('.cloud')).filter(Boolean)"""
CHART = f"{INSIDE}.length"
PIXELS = (
    f"() => {INSIDE}.flatMap(cloud => [...cloud.querySelectorAll('canvas')])"
    + """.map(canvas => {
 const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data; let sum = 0;
 for (let i = 0; i < pixels.length; i += 5) sum = (sum * 31 + pixels[i]) | 0; return sum; }).join()"""
)
POINTED = f"(() => {{ const tip = {INSIDE}[0]?.querySelector('.tip.shown'); return tip ? tip.innerText : ''; }})()"
HAS = "document.body.innerText.includes(value)"
SELECTED = r"""((document.body.innerText.match(/([\d,]+) samples? selected/) || [])[1] || '')"""
CLASSES, CLUSTERS, COLUMNS, HELD_OUT, WRONG = 10, 3, 64, 2_000, 0.02
BROWSED = 8  # columns of the table that Browse alone is measured on


def samples(n: int, seed: int = 0, columns: int = COLUMNS) -> dict[str, np.ndarray]:
    """``n`` training samples, 2,000 for validation and 2,000 for testing, of some numbers: three Gaussian clusters per
    class; 2 % of the training labels are set wrong."""
    chance = np.random.default_rng(seed)
    centres = chance.normal(scale=1.0, size=(CLASSES * CLUSTERS, columns)).astype(np.float32)
    cluster = chance.integers(0, len(centres), n + 2 * HELD_OUT)
    x = centres[cluster] + 1.6 * chance.standard_normal((n + 2 * HELD_OUT, columns), dtype=np.float32)
    y = cluster % CLASSES
    wrong = np.flatnonzero(chance.random(n) < WRONG)
    y[wrong] = (y[wrong] + chance.integers(1, CLASSES, len(wrong))) % CLASSES
    names = np.array([f"class {k}" for k in range(CLASSES)])
    ends = {"train": slice(0, n), "val": slice(n, n + HELD_OUT), "test": slice(n + HELD_OUT, None)}
    arrays = {f"{name}_{split}": array[part] for split, part in ends.items() for name, array in (("X", x), ("y", y))}
    return {**arrays, "classes": names}


def make(folder: Path, n: int) -> dict[str, float]:
    """The project, step by step; CPU seconds of each."""
    from attribution import Project
    from attribution.settings.configs import DataConfig, ModelConfig, TrainConfig
    from attribution.studies.map.study import MapConfig
    from attribution.studies.mislabels.study import FlagConfig

    source = folder.with_suffix(".npz")
    folder.parent.mkdir(parents=True, exist_ok=True)
    np.savez(source, **samples(n))
    cpu: dict[str, float] = {}

    def step(name: str, work: Any) -> Any:
        began = time.process_time()
        done = work()
        cpu[name] = round(time.process_time() - began, 1)
        print(
            name,
            cpu[name],
            "CPU s; peak",
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "MiB",
            flush=True,
        )
        return done

    data = DataConfig(path=str(source))
    recipe = TrainConfig(epochs=1, batch_size=512, checkpoints=1)
    project = step("import", lambda: Project.create(folder, data, ModelConfig(name="mlp", width=64), recipe))
    step("train", lambda: project.train())
    step("map, PCA", lambda: project.embed(MapConfig(method="pca")))
    step("wrong labels", lambda: project.flag(FlagConfig(detectors=("aum", "margin", "neighbors"), cases=50)))
    return cpu


def browsed(folder: Path, n: int) -> dict[str, Any]:
    """CPU seconds of what Browse does on a table of 8 columns, first (values are read) and again, on a new filter."""
    from attribution import Project
    from attribution.browse.columns import Columns
    from attribution.browse.filter import matching, ordered, parse
    from attribution.browse.see import See
    from attribution.browse.spread import spread, within
    from attribution.settings.configs import DataConfig, ModelConfig, TrainConfig

    if not folder.exists():
        source = folder.with_suffix(".npz")
        folder.parent.mkdir(parents=True, exist_ok=True)
        np.savez(source, **samples(n, columns=BROWSED))
        recipe = TrainConfig(epochs=1, batch_size=4096, checkpoints=1)
        Project.create(folder, DataConfig(path=str(source)), ModelConfig(name="logistic"), recipe).train()
    columns = Columns(See(Project.open(folder)))
    asked = ['label:"class 3" loss:>1', 'label:"class 4","class 5" loss:0.5..2 right:no']
    cpu: dict[str, list[float]] = {}

    def step(name: str, work: Any) -> Any:
        began = time.process_time()
        done = work()
        cpu.setdefault(name, []).append(round(time.process_time() - began, 3))
        return done

    for words in asked:
        wanted = parse(words)
        rows = step("filter", lambda wanted=wanted: matching(wanted, columns))
        step("histogram of loss", lambda wanted=wanted: spread(columns["loss"], within(wanted, columns, "loss")))
        step("counts of labels", lambda wanted=wanted: spread(columns["label"], within(wanted, columns, "label")))
        order = step("sort by loss", lambda wanted=wanted, rows=rows: ordered(wanted, columns, rows, "-loss"))
        page = ["id", "label", "prediction", "certainty", "loss"]
        step("a page", lambda order=order, page=page: [columns[name].cells(order[:80]) for name in page])
    step("sort all by loss", lambda: ordered(parse(""), columns, np.arange(n), "-loss"))
    step("words in ids", lambda: matching(parse("train-0012"), columns))
    return {
        "n": n,
        "matching": [len(matching(parse(words), columns)) for words in asked],
        "filters": asked,
        "cpu_s": cpu,
    }


class Watch:
    """One browser window on the app: does something, and says after how many seconds the page stands again."""

    def __init__(self, page: Any, address: str, project: str, server: Any) -> None:
        self.page, self.address, self.project, self.server = page, address, project, server
        self.cpu_s = 0.0  # of the server, during the last action: other work on the machine does not count
        self.received = 0
        page.on("websocket", lambda socket: socket.on("framereceived", self._count))

    def _count(self, payload: str | bytes) -> None:
        self.received += len(payload)

    def open(self, name: str, query: str = "") -> None:
        """Go to a page by its address, as from a bookmark."""
        self.page.goto(f"{self.address}/{name}?project={self.project}{query}")

    def took(self, act: Callable[[], Any], until: str = "", value: Any = None) -> float:
        """Seconds from ``act`` until ``until`` (JavaScript, given ``value``) holds, the script rests and the charts'
        pixels stay the same."""
        began, cpu = time.perf_counter(), self._cpu()
        act()
        self.page.wait_for_timeout(50)
        self.page.wait_for_function(f"(value) => {RESTS} && ({until or 'true'})", arg=value, timeout=60_000, polling=50)
        changed, seen = time.perf_counter(), None
        while time.perf_counter() - changed < STILL_S:
            now = self.page.evaluate(PIXELS)
            if now != seen:
                changed, seen = time.perf_counter(), now
            self.page.wait_for_timeout(20)
        self.cpu_s = self._cpu() - cpu
        return changed - began

    def _cpu(self) -> float:
        times = self.server.cpu_times()
        return float(times.user + times.system)

    def ring(self, centre: tuple[float, float], radius: float) -> float:
        """Draw a ring on the map, in shares of the chart's width and height, without letting go; seconds per move of
        the mouse."""
        box = self.page.locator("canvas.over").bounding_box()
        self.page.locator("[data-does=lasso]").click()
        began = time.perf_counter()
        for step in range(25):
            angle = 2 * math.pi * step / 24
            x, y = centre[0] + radius * math.cos(angle), centre[1] + radius * math.sin(angle)
            self.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
            if step == 0:
                self.page.mouse.down()
        return (time.perf_counter() - began) / 25

    def points(self, times: int) -> list[float]:
        """Move onto samples here and there; seconds from each move until the sample is said."""
        box = self.page.locator("canvas.over").bounding_box()
        found = []
        for step in range(times):
            old = self.page.evaluate(POINTED)
            angle = 2 * math.pi * step / times
            x, y = 0.42 + 0.1 * math.cos(angle), 0.5 + 0.1 * math.sin(angle)
            began = time.perf_counter()
            self.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
            told = f"(old) => {{ const now = {POINTED}; return now && now !== old; }}"
            self.page.wait_for_function(told, arg=old, polling="raf")
            found.append(time.perf_counter() - began)
        return found

    def choose(self, words: str) -> None:
        """Take an entry of an open select box."""
        self.page.get_by_role("option", name=words, exact=True).click()

    def unfold(self, label: str) -> None:
        """Open a select box."""
        self.page.get_by_role("combobox", name=label).click()
        self.page.get_by_role("option").first.wait_for()


def measure(folder: Path) -> dict[str, Any]:
    """Seconds of every action, and the server's memory."""
    import psutil
    from playwright.sync_api import sync_playwright
    from serve import free_port, start

    from attribution import Project

    project = Project.open(folder)
    environment = {**os.environ, "DATABLAME_HOME": str(folder.parent), "HOME": str(folder.parent)}
    port = free_port()
    server = start(environment, port)
    figures: dict[str, list[tuple[float, float]]] = {}
    counts: dict[str, Any] = {}
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=os.environ.get("CHROMIUM", shutil.which("chromium")), args=ARGUMENTS
            )
            for turn in range(TURNS):
                page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
                page.set_default_timeout(60_000)
                session(
                    Watch(page, f"http://127.0.0.1:{port}", folder.name, psutil.Process(server.pid)),
                    project,
                    figures,
                    counts,
                    cold=turn == 0,
                )
                page.context.close()
            browser.close()
        memory = psutil.Process(server.pid).memory_info().rss
        peak = next(
            line for line in Path(f"/proc/{server.pid}/status").read_text().splitlines() if line.startswith("VmHWM")
        )
    finally:
        server.terminate()
        server.wait(15)
        while project.undo():
            pass
    return {
        "figures": figures,
        "counts": counts,
        "server_rss_bytes": memory,
        "server_peak_bytes": int(peak.split()[1]) * 1024,
    }


def session(
    watch: Watch, project: Any, figures: dict[str, list[tuple[float, float]]], counts: dict[str, Any], cold: bool
) -> None:
    """One visit to map, table and queue; the first after the server's start is counted apart."""

    from attribution.browse.words import words

    def note(name: str, seconds: float) -> None:
        figures.setdefault(name, []).append((seconds, watch.cpu_s))

    page, before = watch.page, watch.received
    note(
        "map, first draw after the server's start" if cold else "map, first draw",
        watch.took(lambda: watch.open("map", "&method=pca"), CHART),
    )
    counts["bytes of the first draw"] = watch.received - before
    counts["shown"] = page.locator("[data-testid='stCaptionContainer']", has_text="Showing").first.inner_text()
    watch.cpu_s = 0.0
    for seconds in watch.points(12):
        note("pointing at a sample, until it is said", seconds)
    for colour in ("loss", "suspicion", "prediction"):
        watch.unfold("Colour by")
        before = watch.received
        note("recolour", watch.took(lambda colour=colour: watch.choose(colour), CHART))
        counts["bytes of a recolour"] = watch.received - before
    for radius in (0.03, 0.12, 0.3):
        old = page.evaluate(SELECTED)
        watch.cpu_s = 0.0  # the server has no part in it
        note("one move of the mouse while drawing a lasso", watch.ring((0.42, 0.5), radius))
        note(
            "lasso, from letting go to the cards", watch.took(page.mouse.up, f"{SELECTED} && {SELECTED} !== value", old)
        )
        counts.setdefault("selected by the lassos", {})[str(radius)] = page.evaluate(SELECTED)
    watch.took(lambda: page.get_by_role("button", name="Clear").click(), f"!{SELECTED}")
    for number in (2, 3, 4):
        press = page.locator(".st-key-page-listing").get_by_role("button", name="Next page")
        note("a page of the table", watch.took(press.click, HAS, f"Lines {50 * number - 49:,} to"))
    watch.unfold("Sorted by")
    note("sorting the table", watch.took(lambda: watch.choose("loss"), HAS, "Lines 1 to 50 of"))
    page.get_by_role("button", name="Filter").click()
    for label in project.classes[:3]:
        watch.unfold("Label")
        note("a filter of the map", watch.took(lambda label=label: watch.choose(label), CHART))
    page.keyboard.press("Escape")
    note("review, first draw", watch.took(lambda: watch.open("review"), HAS, "Suspect 1 of"))
    keys = [("forward", "the next suspect")] * 3 + [("keep", "a decision: keep"), ("drop", "a decision: drop")] * 2
    for place, (key, name) in enumerate(keys, start=2):
        press = page.locator(f".st-key-{key} button").first
        note(name, watch.took(press.click, HAS, f"Suspect {place} of"))
    note("the queue as a grid", watch.took(lambda: watch.open("review", "&view=Grid"), HAS, "Take the suggestion"))
    for _ in range(2):
        press = page.locator(".st-key-page-grid").get_by_role("button", name="Next page")
        note("a page of the grid", watch.took(press.click))
    note("overview", watch.took(lambda: watch.open("overview"), HAS, "By class"))
    note("browse, first draw", watch.took(lambda: watch.open("browse"), HAS, "Select page"))
    found = f"&find={quote(words('label', project.classes[1]))}"
    note("browse, a filter", watch.took(lambda: watch.open("browse", found), HAS, "Select page"))
    note("browse, sorted", watch.took(lambda: watch.open("browse", f"{found}&sort=loss"), HAS, "Select page"))
    while project.undo():
        pass


def summary(pairs: list[tuple[float, float]]) -> dict[str, float]:
    """Median and extremes of the seconds waited, and the median of the server's CPU seconds."""
    values, cpu = zip(*pairs, strict=True)
    ends = {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}
    return {
        **{name: round(value, 2) for name, value in ends.items()},
        "server_cpu": round(statistics.median(cpu), 2),
        "times": len(values),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["make", "measure", "browse"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "million.json")
    given = parser.parse_args()
    folder = given.folder.resolve()
    if given.what == "make":
        cpu, peak = make(folder, given.n), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        (folder / "made.json").write_text(json.dumps({"n": given.n, "cpu_s": cpu, "peak_bytes": peak}, indent=1) + "\n")
        return
    if given.what == "browse":
        result = {**json.loads(given.out.read_text()), "browse": browsed(folder, given.n)}
        given.out.write_text(json.dumps(result, indent=1) + "\n")
        print(json.dumps(result["browse"], indent=1))
        return
    found = measure(folder)
    figures = {name: summary(values) for name, values in found.pop("figures").items()}
    result = {
        "cores": os.cpu_count(),
        "load": os.getloadavg()[1],
        **json.loads((folder / "made.json").read_text()),
        "actions_s": figures,
        **found,
    }
    given.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
