"""A real browser on a real server. In CI a missing browser is a failure; elsewhere it is a skip that says how to get
one."""

import os
import shutil
from pathlib import Path

import pytest
from serve import ready, server

PICTURES = Path(__file__).resolve().parent.parent.parent / "docs" / "images"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-gpu",
]


def chromium():
    """Path of the system's browser."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("CHROMIUM") or next((path for path in map(shutil.which, names) if path), None)


@pytest.fixture(scope="session")
def launch():
    """``launch(*arguments)`` starts a browser; all are closed at the end."""
    path = chromium()
    if path is None:
        why = "no chromium on this machine: install Debian's package chromium, or set CHROMIUM to its path"
        pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=20_000)  # on a busy machine a page answers late
    with sync_playwright() as playwright:
        started = []

        def start(*more):
            started.append(playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS, *more]))
            return started[-1]

        yield start
        for browser in started:
            browser.close()


@pytest.fixture(scope="session")
def browser(launch):
    return launch()


@pytest.fixture
def page(browser):
    """A fresh browser window, 1,280 wide."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(30_000)
    yield page
    context.close()


@pytest.fixture(scope="session")
def projects(tmp_path_factory):
    """A home with the image sample as a user first sees it."""
    from attribution import Project

    folder = tmp_path_factory.mktemp("home")
    os.environ["DATABLAME_HOME"] = str(folder)
    Project.sample("fashion", folder / "fashion-sample")
    return folder


@pytest.fixture(scope="session")
def app(projects):
    """The address of a server over that home."""
    with server({**os.environ, "DATABLAME_HOME": str(projects), "HOME": str(projects)}) as address:
        yield address


@pytest.fixture
def fashion(projects, monkeypatch):
    """The image sample behind the app, for asserting what reached the disk; its edits are undone afterwards."""
    from attribution import Project

    monkeypatch.setenv("DATABLAME_HOME", str(projects))
    project = Project.open(projects / "fashion-sample")
    yield project
    while project.undo():
        pass


@pytest.fixture
def visit(page, app):
    """Open a page of the image sample and wait until it stands."""

    def go(name, project="fashion-sample", **query):
        address = "&".join(f"{key}={value}" for key, value in {"project": project, **query}.items())
        page.goto(f"{app}/{name}?{address}")
        ready(page)
        return page

    return go


@pytest.fixture
def picture(page):
    """Keep a screenshot: in docs/images when DATABLAME_PICTURES is set (how the README's are made), else beside the
    test's files."""

    def take(name, tmp_path):
        folder = PICTURES if os.environ.get("DATABLAME_PICTURES") else tmp_path
        folder.mkdir(parents=True, exist_ok=True)
        page.wait_for_timeout(400)
        path = folder / f"{name}.png"
        page.screenshot(path=path)
        assert path.stat().st_size > 10_000

    return take
