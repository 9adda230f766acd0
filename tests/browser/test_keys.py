"""Keys that the browser's own part knows: ? for all of them, Enter for the suggestion, T and N for fields, and Undo in
the bar that says what was done."""

import re

import pytest
from playwright.sync_api import expect
from serve import ready

pytestmark = pytest.mark.browser


def suspect(page, project):
    """The row that Review shows."""
    (row,) = re.findall(r"st-key-keep-(\d+)", page.locator("[class*='st-key-keep-']").first.get_attribute("class"))
    return int(row)


@pytest.fixture
def review(visit, page, fashion):
    visit("review")
    expect(page.get_by_text(re.compile("Could it be"))).to_be_visible()
    page.wait_for_function("window.datablameKeys")
    ready(page)
    page.wait_for_timeout(500)
    return page


def test_enter_takes_the_suggestion_and_the_bar_takes_it_back(review, fashion):
    row = suspect(review, fashion)
    suggested = int(fashion.flags().entry(row)["suggested"])
    given = fashion.classes[fashion.labels.values[row]]
    review.keyboard.press("Enter")
    bar = review.locator(".st-key-undo-bar")
    expect(bar).to_contain_text(f"{fashion.dataset.ids[row]}: {given} → {fashion.classes[suggested]}")
    assert fashion.sample_state(row).label == suggested
    ready(review)
    assert suspect(review, fashion) != row, "the next one is shown"
    bar.get_by_role("button", name="Undo").click()
    expect(review.get_by_text("Took back 1 change")).to_be_visible()
    assert fashion.sample_state(row).verdict == ""
    ready(review)
    assert suspect(review, fashion) == row


def pressed_until(page, key, words):
    """A page that is only just drawn may not listen yet: press again, as people do."""
    for wait_ms in (4000, 4000, 20000):
        page.keyboard.press(key)
        try:
            expect(page.get_by_text(words)).to_be_visible(timeout=wait_ms)
        except AssertionError:
            if wait_ms == 20000:
                raise
        else:
            return


def test_the_bar_hears_z_where_the_page_has_no_key_for_it(review, fashion):
    row = suspect(review, fashion)
    review.keyboard.press("x")
    expect(review.locator(".st-key-undo-bar")).to_contain_text("dropped from training")
    review.get_by_role("link", name="History").first.click()
    expect(review.get_by_role("heading", name="History")).to_be_visible()
    ready(review)
    pressed_until(review, "z", "Took back 1 change")
    assert fashion.sample_state(row).verdict == ""


def test_a_question_mark_lists_the_keys_of_the_page(review):
    review.keyboard.press("?")
    keys = review.get_by_role("dialog", name="Keys")
    for words in ("Keep", "Drop", "Unsure", "Undo", "Take the suggestion", "To the field “Tags”"):
        expect(keys).to_contain_text(words)
    review.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    review.get_by_role("link", name="History").first.click()
    expect(review.get_by_role("heading", name="History")).to_be_visible()
    ready(review)
    review.locator("[data-show-keys]").click()
    expect(keys).to_contain_text("Keys on History")
    expect(keys).to_contain_text("Redo")
    expect(keys).not_to_contain_text("Unsure")


def test_unsure_goes_to_the_end_and_a_note_is_written_by_key(review, fashion):
    row = suspect(review, fashion)
    review.keyboard.press("n")
    field = review.locator("[class*='st-key-note-'] input")
    expect(field).to_be_focused()
    review.keyboard.type("two sleeves?")
    review.keyboard.press("Enter")
    expect(review.locator(".st-key-undo-bar")).to_contain_text("note: two sleeves?")
    ready(review)
    review.locator("h1").first.click()
    review.keyboard.press("u")
    expect(review.get_by_text(re.compile("1 put off as unsure"))).to_be_visible()
    expect(review.locator(f".st-key-keep-{row}")).to_have_count(0)  # another one is shown
    marks = fashion.marks().loc[row]
    assert (marks["note"], bool(marks["unsure"])) == ("two sleeves?", True)
    assert fashion.sample_state(row).verdict == ""
