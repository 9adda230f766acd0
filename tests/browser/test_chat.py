"""Chats in the browser: every page of a small project, wide and narrow, light and dark; from an answer to a dropped
row."""

import shutil

import pytest
from chats_made import finished_project
from playwright.sync_api import expect
from serve import ready
from shown import PAGES

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chats(projects, tmp_path_factory):
    """The project in the app's home."""
    from attribution import Project

    made = finished_project(tmp_path_factory.mktemp("chats"))
    shutil.copytree(made.folder, projects / "chats")
    return Project.open(projects / "chats")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_every_page_of_chats_stands(chats, app, browser, width, scheme, tmp_path):
    context = browser.new_context(viewport={"width": width, "height": 1000}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(30_000)
    for name in PAGES:
        page.goto(f"{app}/{name}?project=chats")
        ready(page)
        expect(page.locator("[data-testid='stException']")).to_have_count(0)
        expect(page.locator("h1").first).to_be_visible()
        across = page.evaluate("document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth")
        assert across <= 1, f"{name} is {across} pixels too wide at {width}"
    context.close()


def test_from_an_answer_to_a_dropped_row(chats, visit, page, picture, tmp_path):
    visit("influence", project="chats")
    expect(page.get_by_text("Pull towards this answer")).to_be_visible()
    expect(page.get_by_text("The model learns these words").first).to_be_visible()
    picture("chat-influence", tmp_path)
    before = int(chats.labels.active.sum())
    page.locator("[class*='st-key-drop-helped-']").first.get_by_role("button").click()
    expect(page.locator(".st-key-undo-bar")).to_be_visible()
    ready(page)
    assert int(chats.labels.active.sum()) == before - 1

    visit("browse", project="chats", find="turns:5")
    expect(page.get_by_text("6 of 60 samples")).to_be_visible()
    expect(page.get_by_text("<b>you</b>").first).to_be_visible()  # as it stands in the file
    expect(page.locator(".tile b")).to_have_count(0)
