"""A click on Overview's figures reaches the samples that they count; the bulk step is one batch and one undo."""

import re

import pytest
from playwright.sync_api import expect
from serve import ready

pytestmark = pytest.mark.browser
PATIENCE_MS = 30_000


def test_a_cell_of_the_confusions_leads_to_its_samples(visit, page, fashion):
    visit("overview")
    cells = page.locator(".st-key-confusion [data-testid='stDataFrame'] canvas").first
    expect(cells).to_be_visible(timeout=PATIENCE_MS)
    cells.scroll_into_view_if_needed()
    row = fashion.classes.index("Shirt") + 1  # below the head
    cells.click(position={"x": 150, "y": 35 * row + 17}, force=True)  # its scroller lies above
    expect(page.get_by_text(re.compile("Shirt (taken for|recognised)")).first).to_be_visible(timeout=PATIENCE_MS)
    page.locator(".st-key-cell-browse button").click()
    expect(page.get_by_role("heading", name="Browse", exact=True)).to_be_visible(timeout=PATIENCE_MS)
    assert "label%3AShirt" in page.url


def test_the_surest_suggestions_are_taken_at_once_and_taken_back(visit, page, fashion):
    visit("review")
    page.get_by_text("Take the surest suggestions at once").click()
    take = page.get_by_role("button", name="Take all 50 suggestions")
    expect(take).to_be_visible(timeout=PATIENCE_MS)
    found = fashion.surest(50)
    before = fashion.edit_count()  # of earlier tests, taken back
    take.click()
    ready(page)
    expect(page.get_by_text("50 of 567 suspects reviewed").first).to_be_visible(timeout=PATIENCE_MS)
    assert {row: fashion.labels.values[row] for row in found.rows} == dict(found.suggested)
    made = fashion.edits()
    assert made[made["id"] > made["id"].max() - (fashion.edit_count() - before)]["batch"].nunique() == 1
    fashion.undo()
    assert (fashion.labels.values == fashion.dataset.labels).all()
