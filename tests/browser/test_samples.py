"""Every sample opens from the start page and from New project while jobs run, also where the server's words reach the
browser late."""

import os
import re
import shutil
import threading
import time

import pytest
from playwright.sync_api import expect
from serve import LATE, ready, server

pytestmark = pytest.mark.browser
PATIENCE_MS = 90_000  # a sample is unpacked, on a busy machine
SAMPLES = ("fashion", "fashion-cleaned", "text", "tabular", "moons", "cells")
PAGES = (
    *("overview", "browse", "review", "influence", "map", "angles", "leaks", "shift", "memorization", "fairness"),
    *("compare", "retrain", "history"),
)
# A figure, a table, a number or a card; parts drawn by components of our own lie in shadow roots.
DATA = ", ".join(
    (
        *(".js-plotly-plot", "canvas", "[data-testid='stMain'] img[src^='data:']", "[data-testid='stDataFrame']"),
        *("[data-testid='stMetric']", "[role='option']", "[role='grid'] tbody tr"),
        "[data-testid='stMain'] [data-testid='stHtml'] div",
    )
)
EMPTY = re.compile(r"not (yet )?(computed|measured|trained|scored)|not \w+ yet|nothing measured|no model yet", re.I)
FOUND_NONE = {"leaks": "No "}  # a finished search that found nothing says so


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server over a home of its own: its address and the home."""
    home = tmp_path_factory.mktemp("fresh")
    with server({**os.environ, "DATABLAME_HOME": str(home), "HOME": str(home)}) as address:
        yield address, home


def done_with(home):
    """End what a sample's opening started, and remove all projects."""
    from attribution import Project

    for folder in home.glob("*-sample"):
        project = Project.open(folder)
        for job in project.jobs():
            if job.active:
                project.cancel(job.id)
        deadline = time.time() + 120
        while any(job.active for job in project.jobs()) and time.time() < deadline:
            time.sleep(0.5)
        shutil.rmtree(folder)


@pytest.fixture
def fresh(served):
    """That server and home, without a project before and afterwards."""
    yield served
    done_with(served[1])


@pytest.fixture
def working(fresh):
    """``working(project)``: a job of that project runs, and beats, until the test ends."""
    from attribution.jobs.board import JobBoard
    from attribution.storage import database

    over, threads = threading.Event(), []

    def start(project):
        with database.write(project.folder / "project.db") as db:
            db.execute(
                "INSERT INTO jobs (id, kind, title, config, state, created_s, heartbeat_s) VALUES "
                "('busy','prepare','Busy','{}','queued',?,?)",
                (time.time(), time.time()),
            )

        def work(job, progress):
            while not over.wait(0.2):
                progress.update(1, 100, "at it")
            return ""

        threads.append(threading.Thread(target=lambda: JobBoard(project.folder).run("busy", work)))
        threads[-1].start()

    yield start
    over.set()
    for thread in threads:
        thread.join(20)


@pytest.fixture
def late(page):
    """A window whose server is slow to be heard, and the list of what went wrong in it."""
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.add_init_script(LATE)
    return page, wrong


def stands(page, wrong, sample):
    """The sample's overview is there and stays."""
    heading = page.get_by_role("heading", name="Overview", exact=True)
    expect(heading).to_be_visible(timeout=PATIENCE_MS)
    page.wait_for_timeout(4_000)  # several ticks of the jobs' bars
    expect(heading).to_be_visible()
    expect(page.get_by_text(f"{sample}-sample").first).to_be_visible()
    assert not wrong


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_sample_opens_from_the_start_page(fresh, late, sample):
    (address, _), (page, wrong) = fresh, late
    page.goto(address)
    ready(page)
    page.locator(f".st-key-sample-{sample} button").click()
    stands(page, wrong, sample)


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_sample_opens_from_new_project_while_another_works(fresh, late, working, sample):
    from attribution import Project

    (address, home), (page, wrong) = fresh, late
    working(Project.sample("moons", home / "moons-sample"))
    page.goto(f"{address}/new_project?project=moons-sample")
    ready(page)
    expect(page.get_by_text("Busy").first).to_be_visible()
    page.get_by_text("Open a sample instead", exact=True).click()
    page.wait_for_timeout(1_200)  # the bars' timer runs
    page.locator(f".st-key-sample-{sample} button").click()
    stands(page, wrong, sample)


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_page_of_a_sample_opens_cold_on_finished_results(fresh, page, sample):
    """Straight after the sample was made, each page by its address: data are there, and nothing waits to be made."""
    from attribution import Project

    address, home = fresh
    project = Project.sample(sample, home / f"{sample}-sample")
    assert not project.damaged()
    for name in PAGES:
        page.goto(f"{address}/{name}?project={sample}-sample")
        ready(page)
        main = page.locator("[data-testid='stMain']")
        shown = page.locator(DATA).locator("visible=true")
        if name in FOUND_NONE:
            shown = shown.or_(main.get_by_text(FOUND_NONE[name]).locator("visible=true"))
        shown.first.wait_for(timeout=60_000)
        waiting = EMPTY.search(main.inner_text())
        assert waiting is None, f"{sample}, {name}: {waiting and waiting.group(0)}"
        assert page.locator("[data-testid='stException']").count() == 0
    assert not project.jobs()
