"""The leak court by keyboard, as a user walks it; each verdict is looked up on the disk."""

import re

import pytest
from playwright.sync_api import expect
from serve import LATE, ready

pytestmark = pytest.mark.browser
PATIENCE_MS = 30_000  # a busy machine draws slowly


def decided(page, n):
    """Wait until the page counts this many decided cases and takes keys again."""
    expect(page.get_by_text(f"{n} decided").first).to_be_visible(timeout=PATIENCE_MS)
    ready(page)
    expect(page.get_by_role("button", name=re.compile("Leak: drop from training"))).to_be_visible(timeout=PATIENCE_MS)


def test_leaks_are_judged_by_keyboard_and_taken_back(visit, page, fashion, picture, tmp_path):
    visit("overview")
    expect(page.get_by_text("Likely leaks").first).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name=re.compile("Judge the leaks")).click()
    expect(page.get_by_role("heading", name="Leaks", exact=True)).to_be_visible(timeout=PATIENCE_MS)
    decided(page, 0)
    picture("leaks", tmp_path)
    cases = fashion.leaks().cases(fashion.labels.values)

    page.keyboard.press("l")
    decided(page, 1)
    assert fashion.sample_state(int(cases["row"][0])).verdict == "drop"
    assert fashion.edits().iloc[0]["reason"].startswith("leak: repeats test-")

    page.keyboard.press("k")
    decided(page, 2)
    assert fashion.sample_state(int(cases["other"][1])).verdict == "keep"

    page.keyboard.press("z")
    decided(page, 1)
    page.keyboard.press("z")
    decided(page, 0)
    assert fashion.labels.active.all()


def standing(project):
    """The verdict of every row that has one."""
    verdicts = project.states()["verdict"]
    return verdicts[verdicts != ""].to_dict()


def test_fast_keys_never_land_on_a_case_that_is_not_on_screen(visit, page, fashion):
    page.add_init_script(LATE)
    visit("leaks")
    decided(page, 0)
    cases = fashion.leaks().cases(fashion.labels.values)
    page.keyboard.press("l")
    page.wait_for_timeout(150)
    page.keyboard.press("t")  # the next case is not there yet
    expect(page.get_by_role("status").filter(has_text="was not taken")).to_be_visible()
    decided(page, 1)
    assert standing(fashion) == dict.fromkeys(cases["rows"][0], "drop"), "one verdict, on the case that was shown"


def test_the_server_drops_what_the_browser_could_not_know(visit, page, fashion):
    page.add_init_script(LATE + "window.datablameKeys = true;")  # the browser's own guard is off
    visit("leaks")
    decided(page, 0)
    cases = fashion.leaks().cases(fashion.labels.values)
    for key in "ltk":
        page.keyboard.press(key)
        page.wait_for_timeout(300)
    decided(page, 1)
    page.wait_for_timeout(3_000)
    assert standing(fashion) == dict.fromkeys(cases["rows"][0], "drop")
