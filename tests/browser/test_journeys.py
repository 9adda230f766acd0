"""The main journeys, as a user walks them in the browser; each ends by looking at the disk, not only at the page."""

import re
import shutil
import time

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import TimeoutError as NotYet
from playwright.sync_api import expect
from serve import ready

pytestmark = pytest.mark.browser


def first(page, pattern):
    """The first button whose key starts with a pattern."""
    return page.locator(f"[class*='st-key-{pattern}'] button").first


def test_from_a_wrong_prediction_to_its_harmful_samples_relabel_and_undo(visit, page, fashion, picture, tmp_path):
    visit("overview")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    picture("overview", tmp_path)
    page.get_by_role("link", name="Influence").first.click()
    ready(page)
    expect(page.get_by_text(re.compile("Pull towards")).first).to_be_visible()
    before = page.url
    first(page, "next").click()
    ready(page)
    page.wait_for_url(lambda url: url != before)
    assert "query=" in page.url
    picture("influence", tmp_path)

    first(page, "relabel-hurt").click()
    page.get_by_role("menuitem").or_(page.get_by_role("option")).first.click()
    expect(page.locator(".st-key-undo-bar", has_text=" → ")).to_be_visible(timeout=30_000)
    states = fashion.states()
    (row,) = states.index[states["verdict"] == "relabel"]
    evidence = fashion.edits().iloc[0]["evidence"]
    assert evidence["estimator"] in fashion.computed(fashion.query_rows(evidence["query"]))
    assert evidence["influence"] < 0

    ready(page)
    first(page, "undo-hurt").click()
    expect(page.get_by_text(re.compile("Took back 1 change"))).to_be_visible(timeout=30_000)
    assert fashion.sample_state(int(row)).verdict == ""
    assert fashion.labels.version == fashion.dataset.base_version().version


def test_the_estimator_is_switched_in_place_and_the_address_brings_it_back(visit, page):
    visit("influence")
    page.get_by_role("button", name=re.compile("^function Method|Method: ")).first.click()
    page.locator(".st-key-more-cosine button").first.click()
    ready(page)
    page.wait_for_url(re.compile("estimator=cosine"))
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    ready(page)
    assert "estimator=cosine" in page.url


def test_the_contrast_is_switched_on_and_what_is_asked_about_stays_in_sight(visit, page):
    visit("influence")
    page.mouse.move(900, 600)
    where = """() => [document.querySelector('[data-testid=stMain]').scrollTop,
                      document.querySelector('.st-key-asked-about').getBoundingClientRect().y]"""
    for _ in range(60):  # a busy machine draws a moment after it scrolled, and may begin at the top again
        scrolled, y = page.evaluate(where)
        if scrolled > 300 and 0 <= y < 200:
            break
        page.mouse.wheel(0, 900 if scrolled <= 300 else 0)
        page.wait_for_timeout(300)
    assert scrolled > 300
    assert 0 <= y < 200
    page.mouse.wheel(0, -2000)
    page.locator(".st-key-asked").get_by_text(" against ").click()
    page.wait_for_url(re.compile("asked=contrast"))
    ready(page)
    said = page.get_by_text("tips the balance between the two").or_(
        page.get_by_text("Not computed for this sample yet")
    )
    expect(said.first).to_be_visible()


def lasso(page):
    """Take the lasso of the map and draw around the middle."""
    canvas = page.locator("canvas.over")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.locator("[data-does=lasso]").click()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    corners = [(-120, -120), (120, -120), (120, 120), (-120, 120), (-120, -110)]
    page.mouse.move(x + corners[0][0], y + corners[0][1])
    page.mouse.down()
    for dx, dy in corners[1:]:
        page.mouse.move(x + dx, y + dy, steps=8)
    page.mouse.up()


def test_lasso_on_the_map_drop_and_find_it_in_the_ledger(visit, page, fashion, picture, tmp_path):
    visit("map")
    for _ in range(3):  # on a busy machine the chart may still be drawing itself when the first stroke comes
        page.wait_for_timeout(1_000)
        lasso(page)
        try:
            page.wait_for_url(re.compile("selection="), timeout=15_000)
            break
        except NotYet:
            continue
    assert "selection=" in page.url
    expect(page.get_by_text(re.compile(r"samples? selected")).first).to_be_visible()
    ready(page)
    picture("map", tmp_path)
    first(page, "bulk-drop").click()
    expect(page.get_by_text(re.compile("dropped from training"))).to_be_visible()
    states = fashion.states()
    dropped = states.index[states["verdict"] == "drop"]
    assert len(dropped) > 10
    token = re.search("selection=([0-9a-f]+)", page.url)[1]
    assert set(dropped) == set(fashion.selection(token)[0]) & set(fashion.dataset.rows("train"))

    page.get_by_role("link", name="History").first.click()
    ready(page)
    expect(page.get_by_text(re.compile("drop", re.I)).first).to_be_visible()
    picture("history", tmp_path)
    fashion.undo()
    assert not (fashion.states()["verdict"] == "drop").any()


def press(page, key):
    """Decide by a key and wait for the next item; pressed again if the page was not yet listening."""
    shown = page.url
    for _ in range(3):
        page.keyboard.press(key)
        try:
            page.wait_for_url(lambda url: url != shown, timeout=15_000)
            break
        except NotYet:
            page.locator("h1").first.click()  # the keys are the page's, not a field's
    assert page.url != shown
    ready(page)


def test_review_by_keyboard_then_retrain_shows_before_and_after(visit, page, fashion, picture, tmp_path):
    visit("review")
    expect(page.get_by_text(re.compile("Could it be"))).to_be_visible()
    picture("review", tmp_path)
    for key in ("x", "k"):
        press(page, key)
    suggested = page.locator("[class*='st-key-label-'] button[kind='primary']").first
    digit = re.search(
        r"st-key-label-(\d)-",
        suggested.locator("xpath=ancestor::div[contains(@class,'st-key-label-')]").first.get_attribute("class"),
    )[1]
    press(page, digit)
    assert sorted(verdict for verdict in fashion.states()["verdict"] if verdict) == ["drop", "keep", "relabel"]
    page.keyboard.press("z")
    expect(page.get_by_text(re.compile("Took back 1 change"))).to_be_visible()
    assert sorted(verdict for verdict in fashion.states()["verdict"] if verdict) == ["drop", "keep"]

    _fix_what_the_queue_suggests(fashion, 450)
    visit("retrain")
    first(page, "start-retrain").click()
    expect(page.get_by_text(re.compile("Retrain and compare")).first).to_be_visible()
    page.reload()  # the job does not care
    ready(page)
    deadline = time.time() + 1500
    while not fashion.comparisons() and time.time() < deadline:
        job = fashion.jobs()[0]
        assert job.state in ("queued", "running", "done"), job.log_tail()
        time.sleep(2)
    visit("retrain")
    expect(page.get_by_text("Seed by seed")).to_be_visible()
    expect(page.get_by_text("Predictions that changed")).to_be_visible()
    picture("retrain", tmp_path)
    shutil.rmtree(fashion.folder / "retrains")


def _fix_what_the_queue_suggests(project, n):
    """What a hasty reviewer would do: take the suggestion for the first n suspects."""
    queue = project.flags().queue(n)
    for label, part in queue.groupby("suggested"):
        rows = [int(row) for row in part["row"] if project.sample_state(int(row)).verdict == ""]
        project.relabel(rows, int(label), reason="test")


def test_back_reaches_the_first_view(visit, page):
    visit("review")
    first_view = page.url
    for place in (2, 3):
        press(page, "ArrowRight")
        expect(page.get_by_text(f"Suspect {place} of").first).to_be_visible()
    for place in (2, 1):
        page.go_back()
        expect(page.get_by_text(f"Suspect {place} of").first).to_be_visible()
        ready(page)
    assert page.url == first_view


def test_a_new_project_from_an_image_folder(page, app, projects, picture, tmp_path, monkeypatch):
    from sklearn.datasets import load_digits

    from attribution import Project

    source = projects / "pictures"  # the server's home folder
    digits = load_digits()
    for place in np.flatnonzero(digits.target < 3)[:240]:
        folder = source / f"digit {digits.target[place]}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((digits.images[place] * 15.9).astype(np.uint8)).save(folder / f"{place:04}.png")
    (source / "digit 0" / "broken.png").write_bytes(b"not a picture")

    page.goto(f"{app}/new_project")
    ready(page)
    field = page.locator(".st-key-path input")
    field.fill("~/pictures")
    field.press("Enter")
    expect(page.get_by_text("broken.png").or_(page.get_by_text("cannot be used")).first).to_be_visible()
    ready(page)
    picture("new-project", tmp_path)
    name = page.locator(".st-key-project-name input")
    name.fill("three-digits")
    name.press("Enter")
    ready(page)
    first(page, "create").click()
    page.wait_for_url(re.compile("project=three-digits"), timeout=60_000)
    monkeypatch.setenv("DATABLAME_HOME", str(projects))
    project = Project.open("three-digits")
    deadline = time.time() + 600
    while any(job.active for job in project.jobs()) and time.time() < deadline:
        time.sleep(1)
    (job,) = project.jobs()
    assert job.state == "done", job.log_tail()
    assert sum(project.info.counts.values()) == 240
    page.goto(f"{app}/overview?project=three-digits")
    ready(page)
    expect(page.get_by_text("three-digits").first).to_be_visible()
    assert project.flags() is not None
    shutil.rmtree(project.folder)
    shutil.rmtree(source)
